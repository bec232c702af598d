#pragma once
#include "memory_pool.hpp"

namespace multifuse {

/// Memory for work that is divided into branches, from its making to its end: each runs on the device in its own order,
/// at the same time as the others. A block that is given back meanwhile may still be used by a branch whose work was
/// given to the device earlier, so only the branch that took it can take it again; for all others it is free when all
/// branches have ended. That is enough because no branch uses what another one made.
/// All threads count as part of the current branch: while it lives, others must not use the device.
template <class Memory> class memory_branches {
  using pool = memory_pool<Memory>;

 public:
  /// Begins the first branch. Throws argument_error inside of other branches.
  memory_branches() {
    const std::lock_guard lock(pool::instance().mutex_);
    if (pool::instance().branch_)
      throw argument_error("memory_branches", "inside of a branch", "branches without branches of their own", "some");
    begin();
  }
  memory_branches(const memory_branches&) = delete;
  memory_branches& operator=(const memory_branches&) = delete;
  /// The device must do what comes from now on after the work of all branches.
  ~memory_branches() {
    pool& all = pool::instance();
    const std::lock_guard lock(all.mutex_);
    all.branch_ = 0;
    while (all.waiting_) {
      auto* const one = std::exchange(all.waiting_, all.waiting_->waiting_before);
      one->waits = false;
      all.set_free(one);
    }
  }

  /// Ends the current branch and begins another.
  void begin_next() {
    const std::lock_guard lock(pool::instance().mutex_);
    begin();
  }

  /// True inside of a branch.
  static bool inside() {
    const std::lock_guard lock(pool::instance().mutex_);
    return pool::instance().branch_ != 0;
  }

 private:
  static void begin() { pool::instance().branch_ = ++pool::instance().last_branch_; }
};

}  // namespace multifuse
