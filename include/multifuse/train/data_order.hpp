#pragma once
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "multifuse/core/error.hpp"
#include "multifuse/core/random.hpp"

namespace multifuse {

/// The numbers 0 ... n - 1 in an order that follows from the key (Fisher and Yates). Throws argument_error for n < 0.
inline std::vector<isize> shuffled(random_key key, isize n) {
  if (n < 0) throw argument_error("shuffled", "unusable count", "0 or more", std::to_string(n));
  std::vector<isize> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), isize{0});
  for (isize i = n - 1; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(uniform_integer(key, i, i + 1))]);
  return order;
}

/// Which samples each step of a training run sees: every epoch in a new order, cut into batches of one size; what is
/// left over at its end is not seen in that epoch. A function of the key and the step alone, so that a resumed run goes
/// on with the same batches.
class batch_order {
 public:
  /// Throws argument_error unless 1 <= batch_size <= samples.
  batch_order(random_key key, isize samples, isize batch_size) : key_(key), samples_(samples), batch_size_(batch_size) {
    if (batch_size < 1 || batch_size > samples)
      throw argument_error("batch_order", "unusable batch size", "1 ... " + std::to_string(samples),
                           std::to_string(batch_size));
  }

  isize steps_per_epoch() const { return samples_ / batch_size_; }

  /// The samples of a step, valid until the next call. Throws argument_error for a negative step.
  std::span<const isize> operator()(isize step) {
    if (step < 0) throw argument_error("batch_order", "negative step", "0 or more", std::to_string(step));
    if (const isize epoch = step / steps_per_epoch(); epoch != epoch_) {
      order_ = shuffled(key_.split(static_cast<std::uint64_t>(epoch)), samples_);
      epoch_ = epoch;
    }
    return std::span(order_).subspan(static_cast<std::size_t>(step % steps_per_epoch() * batch_size_),
                                     static_cast<std::size_t>(batch_size_));
  }

 private:
  random_key key_;
  isize samples_, batch_size_, epoch_ = -1;
  std::vector<isize> order_;
};

}  // namespace multifuse
