#pragma once
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

/// What became of a command: its exit status (-1 if a signal ended it), everything it printed, processor time and peak
/// memory of it and its children.
struct outcome {
  int status = -1;
  std::string output;
  double seconds = 0;
  double mebibytes = 0;
};

/// Runs a command without a shell and waits for it. Throws std::runtime_error if it cannot be started.
inline outcome run(const std::vector<std::string>& command) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(ends[1]);
  outcome result;
  std::array<char, 4096> buffer{};
  for (ssize_t count; (count = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    result.output.append(buffer.data(), static_cast<std::size_t>(count));
  }
  close(ends[0]);
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child) throw std::runtime_error("the process is lost");
  const auto seconds = [](const timeval& time) { return double(time.tv_sec) + 1e-6 * double(time.tv_usec); };
  result.seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  result.mebibytes = double(usage.ru_maxrss) / 1024;
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  if (result.status == 127) throw std::runtime_error("cannot run " + command.front());
  return result;
}

/// The command line words of main from position `first` on.
inline std::vector<std::string> words(int count, char** arguments, int first) {
  return {arguments + first, arguments + count};
}
