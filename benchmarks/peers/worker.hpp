#pragma once
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

/// Contestants of the comparison are programs that answer commands, one a line, so that one driver can let them take
/// turns. Each prints one line of JSON when it is ready, and answers
///   run N        the seconds that N calls took
///   settle       what was loaded does not count for the peak any more; answers the memory in bytes
///   peak         the largest memory of the process since then, in bytes
///   output FILE  writes the logits as 32-bit numbers, answers their number
///   losses N     takes N steps of training, answers their losses
/// until its input ends.
namespace peers {

/// What takes part.
struct contestant {
  virtual ~contestant() = default;
  virtual void call() = 0;
  virtual std::vector<float> output() { return {}; }
  virtual double loss() { return 0; }
};

/// The largest resident set of this process, in bytes; 0 where the system does not tell.
inline double peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (double kilobytes = 0; word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  return 0;
}

/// Answers commands until the input ends. `ready` is the line of JSON. Returns the exit status.
inline int serve(contestant& one, const std::string& ready) {
  std::cout.precision(9);
  std::cout << ready << std::endl;
  for (std::string command; std::cin >> command;) {
    if (command == "run") {
      long count = 0;
      std::cin >> count;
      const auto start = std::chrono::steady_clock::now();
      for (long i = 0; i < count; ++i) one.call();
      std::cout << std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() << std::endl;
    } else if (command == "settle") {
      std::ofstream("/proc/self/clear_refs") << "5" << std::flush;
      std::cout << peak_memory() << std::endl;
    } else if (command == "peak") {
      std::cout << peak_memory() << std::endl;
    } else if (command == "output") {
      std::string path;
      std::cin >> std::ws;
      std::getline(std::cin, path);
      const std::vector<float> values = one.output();
      std::ofstream file(path, std::ios::binary);
      file.write(reinterpret_cast<const char*>(values.data()), std::streamsize(values.size() * sizeof(float)));
      if (!file.flush()) {
        std::fprintf(stderr, "cannot write %s\n", path.c_str());
        return 1;
      }
      std::cout << values.size() << std::endl;
    } else if (command == "losses") {
      long count = 0;
      std::cin >> count;
      for (long i = 0; i < count; ++i) std::cout << (i ? " " : "") << one.loss();
      std::cout << std::endl;
    } else {
      std::fprintf(stderr, "unknown command %s\n", command.c_str());
      return 2;
    }
  }
  return 0;
}

}  // namespace peers
