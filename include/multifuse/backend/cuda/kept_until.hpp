#pragma once
#include <cstddef>
#include <deque>
#include <mutex>
#include <utility>

/// Without CUDA, so that it is tested without a GPU.
namespace multifuse::detail {

/// What the device still uses, each with an event that tells when it no longer does: `bool Event::reached()`. Events
/// are reached in the order in which they were added. Safe to use from several threads.
template <class Event, class Held> class kept_until {
 public:
  /// Keeps one more, and drops those whose events were reached.
  void add(Event event, Held held) {
    const std::lock_guard lock(mutex_);
    while (!all_.empty() && all_.front().first.reached()) all_.pop_front();
    all_.emplace_back(std::move(event), std::move(held));
  }
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::deque<std::pair<Event, Held>> all_;
};

}  // namespace multifuse::detail
