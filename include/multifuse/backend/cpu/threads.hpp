#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../../core/error.hpp"
#include "../../core/types.hpp"

namespace multifuse {

namespace detail {

inline constexpr isize most_threads = 256;

inline isize checked_threads(const char* where, isize count, const std::string& got) {
  if (count < 1 || count > most_threads)
    throw argument_error(where, "unusable number of threads", "1 ... " + std::to_string(most_threads), got);
  return count;
}

/// What the environment asks for, or one. Throws argument_error for what is not a number of threads.
inline isize requested_threads() {
  const char* const wish = std::getenv("MULTIFUSE_THREADS");
  return wish ? checked_threads("MULTIFUSE_THREADS", std::atol(wish), wish) : 1;
}

inline std::atomic<isize>& chosen_threads() {
  static std::atomic<isize> chosen{requested_threads()};
  return chosen;
}

/// Of the calling thread: 0 means as many as the process uses.
inline isize& threads_of_this_scope() {
  static thread_local isize count = 0;
  return count;
}

}  // namespace detail

/// How many threads a computation of the calling thread is spread over: that of the innermost `scoped_threads`, else
/// that of `use_threads`, else that of the environment variable MULTIFUSE_THREADS, else one.
inline isize threads_in_use() {
  const isize scoped = detail::threads_of_this_scope();
  return scoped ? scoped : detail::chosen_threads().load(std::memory_order_relaxed);
}

/// Sets the number of threads for the whole process. Results do not depend on it. Throws argument_error.
inline void use_threads(isize count) {
  detail::chosen_threads().store(detail::checked_threads("use_threads", count, std::to_string(count)),
                                 std::memory_order_relaxed);
}

/// The number of threads for what this thread computes while the object lives:
/// `{ mf::scoped_threads two(2); y = model(x); }`
class scoped_threads {
 public:
  explicit scoped_threads(isize count)
      : before_(std::exchange(detail::threads_of_this_scope(),
                              detail::checked_threads("scoped_threads", count, std::to_string(count)))) {}
  scoped_threads(const scoped_threads&) = delete;
  scoped_threads& operator=(const scoped_threads&) = delete;
  ~scoped_threads() { detail::threads_of_this_scope() = before_; }

 private:
  isize before_;
};

namespace detail {

/// Threads that wait for parts of a computation. Between two computations that follow each other closely they spin;
/// after that they sleep. One computation has them at a time: others, of other threads or inside a part, run where
/// they are.
class thread_pool {
 public:
  static thread_pool& instance() {
    static thread_pool pool;
    return pool;
  }
  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;
  ~thread_pool() {
    stop_ = true;
    ticket_.fetch_add(one_generation);
    ticket_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  /// Calls part(0) ... part(parts - 1), each once, in any order; returns when all have returned. Throws what the first
  /// part that failed has thrown.
  template <class Part> void run(isize parts, const Part& part) {
    if (parts <= 1 || inside() || !mutex_.try_lock()) {
      for (isize i = 0; i < parts; ++i) part(i);
      return;
    }
    const std::lock_guard<std::mutex> lock(mutex_, std::adopt_lock);
    while (isize(workers_.size()) + 1 < std::min(parts, most_threads)) workers_.emplace_back([this] { work(); });
    call_ = [](const void* f, isize i) { (*static_cast<const Part*>(f))(i); };
    part_ = &part;
    failure_ = nullptr;
    left_.store(parts, std::memory_order_relaxed);
    const std::uint64_t generation = ticket_.load(std::memory_order_relaxed) / one_generation + 1;
    ticket_.store(generation * one_generation + std::uint64_t(parts) * one_part, std::memory_order_release);
    ticket_.notify_all();
    inside() = true;
    take_parts();
    inside() = false;
    for (int i = 0; left_.load(std::memory_order_acquire) != 0; ++i)
      if (i > 1000) std::this_thread::yield();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  // A ticket holds the number of the computation, how many parts it has and how many of them were taken.
  static constexpr std::uint64_t one_part = 1u << 16, one_generation = std::uint64_t(1) << 32;

  thread_pool() = default;

  static bool& inside() {
    static thread_local bool is_inside = false;
    return is_inside;
  }

  void take_parts() {
    std::uint64_t ticket = ticket_.load(std::memory_order_acquire);
    while (ticket % one_part < ticket / one_part % one_part) {
      if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acquire)) continue;
      try {
        call_(part_, isize(ticket % one_part));
      } catch (...) {
        const std::lock_guard lock(failure_mutex_);
        if (!failure_) failure_ = std::current_exception();
      }
      left_.fetch_sub(1, std::memory_order_release);
      ticket = ticket_.load(std::memory_order_acquire);
    }
  }

  void work() {
    inside() = true;
    while (!stop_) {
      take_parts();
      const std::uint64_t seen = ticket_.load(std::memory_order_acquire);
      if (seen % one_part < seen / one_part % one_part) continue;
      int spins = 0;
      while (ticket_.load(std::memory_order_relaxed) == seen && ++spins < 20000) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
      }
      if (spins >= 20000 && !stop_) ticket_.wait(seen, std::memory_order_acquire);
    }
  }

  std::mutex mutex_, failure_mutex_;
  std::vector<std::thread> workers_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> ticket_{0};
  std::atomic<isize> left_{0};
  void (*call_)(const void*, isize) = nullptr;
  const void* part_ = nullptr;
  std::exception_ptr failure_;
};

/// Spreads the numbers 0 ... count - 1 over the threads in use, in runs whose length is a multiple of `grain`, and
/// calls range(first, last) for each. `enough` is how many are worth another thread.
template <class Range> void in_parallel(isize count, isize grain, isize enough, const Range& range) {
  const isize grains = (count + grain - 1) / grain;
  const isize parts = std::min(threads_in_use(), std::min(grains, count / std::max<isize>(1, enough)));
  if (parts <= 1) {
    range(isize(0), count);
    return;
  }
  thread_pool::instance().run(parts, [&](isize part) {
    range(grains * part / parts * grain, std::min(count, grains * (part + 1) / parts * grain));
  });
}

}  // namespace detail

}  // namespace multifuse
