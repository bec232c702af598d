#include "worker_pool.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "multifuse/core/error.hpp"

namespace demo {

using nlohmann::json;

namespace {

[[noreturn]] void refuse(const char* call) {
  throw multifuse::device_error("worker process", std::string(call) + " failed", "success", std::strerror(errno));
}

/// A message is its length in eight bytes, then JSON in its binary form (CBOR).
void send(int pipe, const json& message) {
  const std::vector<std::uint8_t> body = json::to_cbor(message);
  const std::uint64_t length = body.size();
  std::vector<std::uint8_t> bytes(sizeof length);
  std::memcpy(bytes.data(), &length, sizeof length);
  bytes.insert(bytes.end(), body.begin(), body.end());
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = ::write(pipe, bytes.data() + sent, bytes.size() - sent);
    if (count < 0 && errno != EINTR) ::_exit(1);  // nobody listens any more
    if (count > 0) sent += std::size_t(count);
  }
}

struct worker {
  pid_t process = -1;
  int pipe = -1;
  std::size_t job = 0;
  std::vector<std::uint8_t> received = {};
  bool delivered = false;

  /// Takes the next whole message out of what was received.
  std::optional<json> next_message() {
    std::uint64_t length = 0;
    if (received.size() < sizeof length) return {};
    std::memcpy(&length, received.data(), sizeof length);
    if (received.size() - sizeof length < length) return {};
    const auto begin = received.begin() + sizeof length, end = begin + std::int64_t(length);
    json message = json::from_cbor(begin, end);
    received.erase(received.begin(), end);
    return message;
  }
};

/// The running workers; none outlives it.
class worker_group {
 public:
  worker_group() = default;
  worker_group(const worker_group&) = delete;
  worker_group& operator=(const worker_group&) = delete;
  ~worker_group() {
    for (const worker& one : running) {
      ::close(one.pipe);
      ::kill(one.process, SIGKILL);
      ::waitpid(one.process, nullptr, 0);
    }
  }

  template <class Body> void start(std::size_t job, const Body& body) {
    int ends[2];
    if (::pipe(ends) != 0) refuse("pipe");
    const pid_t process = ::fork();
    if (process < 0) refuse("fork");
    if (process == 0) {
      ::close(ends[0]);
      for (const worker& other : running) ::close(other.pipe);
      std::signal(SIGPIPE, SIG_IGN);
      try {
        send(ends[1], {{"outcome", body([&](double share) { send(ends[1], {{"share", share}}); })}});
      } catch (const std::exception& error) {
        send(ends[1], {{"error", error.what()}});
      }
      ::_exit(0);
    }
    ::close(ends[1]);
    running.push_back({process, ends[0], job});
  }

  std::vector<worker> running;
};

}  // namespace

std::vector<outcome> run_jobs(const std::vector<planned_job>& jobs, std::size_t parallel,
                              const std::function<outcome(const planned_job&, const outcome*, const report_progress&)>& body,
                              const pool_events& events) {
  std::vector<outcome> outcomes(jobs.size());
  std::vector<double> shares(jobs.size(), 0.0);
  std::vector<bool> started(jobs.size()), done(jobs.size());
  worker_group group;
  const auto start_ready = [&] {
    for (std::size_t j = 0; j < jobs.size() && group.running.size() < parallel; ++j) {
      const auto after = jobs[j].after;
      if (started[j] || (after && !done[*after])) continue;
      started[j] = true;
      group.start(j, [&](const report_progress& report) {
        return body(jobs[j], after ? &outcomes[*after] : nullptr, report);
      });
    }
  };
  const auto take = [&](worker& from, const json& message) {
    if (message.contains("error"))
      throw multifuse::device_error("worker process", "training failed", "an outcome",
                                    message["error"].get<std::string>());
    if (message.contains("share")) {
      shares[from.job] = message["share"].get<double>();
    } else {
      from.delivered = done[from.job] = true;
      shares[from.job] = 1;
      outcomes[from.job] = message["outcome"].get<outcome>();
      events.finished(from.job, outcomes[from.job]);
    }
  };

  for (start_ready(); !group.running.empty(); start_ready()) {
    std::vector<pollfd> waiting;
    for (const worker& one : group.running) waiting.push_back({one.pipe, POLLIN, 0});
    if (::poll(waiting.data(), waiting.size(), 500) < 0 && errno != EINTR) refuse("poll");
    for (std::size_t w = group.running.size(); w-- > 0;) {
      if (waiting[w].revents == 0) continue;
      worker& one = group.running[w];
      std::uint8_t buffer[1 << 16];
      const ssize_t count = ::read(one.pipe, buffer, sizeof buffer);
      if (count < 0 && errno != EINTR) refuse("read");
      if (count > 0) {
        one.received.insert(one.received.end(), buffer, buffer + count);
        while (const auto message = one.next_message()) take(one, *message);
      } else if (count == 0) {
        if (!one.delivered)
          throw multifuse::device_error("worker process", "it ended without an outcome", "an outcome",
                                        "an early end (out of memory?)");
        ::close(one.pipe);
        ::waitpid(one.process, nullptr, 0);
        group.running.erase(group.running.begin() + std::int64_t(w));
      }
    }
    events.progressed(shares);
  }
  return outcomes;
}

}  // namespace demo
