#pragma once
#include <optional>

#include "../../tensor/memory_branches.hpp"

/// Without CUDA, so that it is tested without a GPU.
namespace multifuse::detail {

/// Parts of the work that the device may do at the same time: the first on the current queue, each other on one beside
/// it, all of them after what was given to the device before and before what is given to it after. No part may use what
/// another one writes. Parts of parts follow one another.
/// The `Queues` of a device are handles: `current()` and `make_current(queue)`; `beside(n)`, the n-th of some others;
/// `order(from, to)`, which lets what comes later on `to` wait for what is on `from` now; `join(from, to)`, the same
/// without exceptions; and `at_once()`, whether parts are to be done at the same time at all.
template <class Queues, class Memory> class concurrent_branches {
 public:
  /// Whether parts that begin now would be done at the same time.
  static bool at_once() { return Queues::at_once() && !memory_branches<Memory>::inside(); }

  /// Throws what `beside` and `order` throw; then nothing has changed.
  explicit concurrent_branches(isize count) : count_(count) {
    if (count < 2 || !at_once()) return;
    for (isize n = 1; n < count; ++n) Queues::order(outside_, Queues::beside(n - 1));
    memory_.emplace();
  }
  concurrent_branches(const concurrent_branches&) = delete;
  concurrent_branches& operator=(const concurrent_branches&) = delete;
  ~concurrent_branches() {
    if (!memory_) return;
    Queues::make_current(outside_);
    for (isize n = 1; n < count_; ++n) Queues::join(Queues::beside(n - 1), outside_);  // before any memory is free
  }

  /// What is given to the device from now on belongs to the next part. To be called before each.
  void next() {
    if (!memory_) return;
    if (begun_ > 0) {
      memory_->begin_next();
      Queues::make_current(Queues::beside(begun_ - 1));
    }
    ++begun_;
  }

 private:
  isize count_, begun_ = 0;
  decltype(Queues::current()) outside_ = Queues::current();
  std::optional<memory_branches<Memory>> memory_;  // none if parts follow one another
};

}  // namespace multifuse::detail
