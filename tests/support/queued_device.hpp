#pragma once
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/backend/cuda/branches.hpp>
#include <vector>

namespace check {

namespace mf = multifuse;
using mf::isize;

/// The order in which queues come to their turn: all work of one before any of the next, or a piece of each in turn.
enum class turns { first_queue_first, last_queue_first, a_piece_of_each };

/// Work in several queues that is done only when the host waits for it, in an order that the queues allow.
class work_queues {
 public:
  inline static turns order_of_work = turns::first_queue_first;
  inline static bool at_once_allowed = false;
  inline static int most_with_work = 0;  ///< queues that had work at the same time

  static void give(std::function<void()> work) { queues[std::size_t(now)].push_back({std::move(work), marker{}}); }

  static void wait() {
    int with_work = 0;
    for (const auto& queue : queues) with_work += !queue.empty();
    most_with_work = std::max(most_with_work, with_work);
    for (std::size_t last = 0; auto* const queue = next_queue(last);) {
      const step next = std::move(queue->front());
      queue->pop_front();
      if (next.work) next.work();
      if (next.passed) *next.passed = true;
    }
    for (const auto& queue : queues)
      if (!queue.empty()) throw mf::device_error("queued device", "queues wait for each other", "", "");
  }

  // what `concurrent_branches` asks for
  static bool at_once() { return at_once_allowed; }
  static isize current() { return now; }
  static void make_current(isize queue) { now = queue; }
  static isize beside(isize n) {
    while (isize(queues.size()) < n + 2) queues.emplace_back();
    return n + 1;
  }
  static void order(isize from, isize to) {
    const auto passed = std::make_shared<bool>(false);
    queues[std::size_t(from)].push_back({nullptr, passed});
    queues[std::size_t(to)].push_back({nullptr, nullptr, passed});
  }
  static void join(isize from, isize to) { order(from, to); }

 private:
  using marker = std::shared_ptr<bool>;
  struct step {
    std::function<void()> work;
    marker passed, awaited{};
    bool ready() const { return !awaited || *awaited; }
  };

  /// The queue whose turn it is among those that need not wait, null if there is none.
  static std::deque<step>* next_queue(std::size_t& last) {
    const std::size_t count = queues.size();
    for (std::size_t n = 0; n < count; ++n) {
      const std::size_t which = order_of_work == turns::first_queue_first  ? n
                                : order_of_work == turns::last_queue_first ? count - 1 - n
                                                                           : (last + 1 + n) % count;
      if (queues[which].empty() || !queues[which].front().ready()) continue;
      last = which;
      return &queues[which];
    }
    return nullptr;
  }

  inline static std::deque<std::deque<step>> queues{1};
  inline static isize now = 0;
};

/// Memory of one kind; stays until the program ends.
template <int Kind> struct lasting_memory {
  static void* allocate(std::size_t bytes) {
    static auto* const all = new std::vector<void*>;
    all->push_back(std::malloc(bytes));
    return all->back();
  }
  static void release(void*) {}
};

/// Branches of a device whose memory is of kind 0. Careless ones look after memory that nobody uses.
class careless_at_will {
 public:
  inline static bool careless = false;

  static bool at_once() { return decltype(right_)::value_type::at_once(); }
  explicit careless_at_will(isize count) {
    if (careless)
      wrong_.emplace(count);
    else
      right_.emplace(count);
  }
  void next() {
    if (wrong_) wrong_->next();
    if (right_) right_->next();
  }

 private:
  std::optional<mf::detail::concurrent_branches<work_queues, lasting_memory<1>>> wrong_;
  std::optional<mf::detail::concurrent_branches<work_queues, lasting_memory<0>>> right_;
};

/// A device whose work is done later, as that of a GPU.
template <class T> struct queued {
  using scalar = T;
  using memory = lasting_memory<0>;
  using branches = careless_at_will;
  template <class U> using with_scalar = queued<U>;
  using cpu = mf::cpu<T>;

  static void copy(T* to, const T* from, isize n) { work_queues::give([=] { cpu::copy(to, from, n); }); }
  static void fill(T* to, isize n, T value) { work_queues::give([=] { cpu::fill(to, n, value); }); }
  static void copy_from_host(T* to, const T* from, isize n) { copy(to, from, n), work_queues::wait(); }
  static void copy_to_host(T* to, const T* from, isize n) { copy(to, from, n), work_queues::wait(); }
  template <class Kernel> static void for_each(isize rows, isize columns, const Kernel& kernel) {
    work_queues::give([=] { cpu::for_each(rows, columns, kernel); });
  }
  static void multiply(isize batch, isize m, isize n, isize k, T alpha, mf::matrix<const T> a, mf::matrix<const T> b,
                       T beta, mf::matrix<T> c) {
    work_queues::give([=] { cpu::multiply(batch, m, n, k, alpha, a, b, beta, c); });
  }
  static void sum(isize outer, isize reduced, isize inner, const T* x, T beta, T* y) {
    work_queues::give([=] { cpu::sum(outer, reduced, inner, x, beta, y); });
  }
};

}  // namespace check
