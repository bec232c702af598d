#pragma once
#include "../ops/batch_norm.hpp"
#include "../tape/members.hpp"

namespace multifuse {

/// Batch normalization of each feature of the last axis over all other axes (Ioffe and Szegedy 2015): [..., Width] ->
/// the same. On a tape with `training` it uses the statistics of the batch and moves the running ones, which are saved
/// with the model; elsewhere it uses the running ones. Throws shape_error for a training batch of one row.
template <class D, isize Width> struct batch_norm {
  parameter<D, width<Width>> scale{init::ones()};
  parameter<D, width<Width>> bias{init::zeros()};
  buffer<D, width<Width>> running_mean{init::zeros()};
  buffer<D, width<Width>> running_variance{init::ones()};
  batch_norm_options options;

  constexpr void members(auto&& visit) {
    visit("scale", scale);
    visit("bias", bias);
    visit("running_mean", running_mean);
    visit("running_variance", running_variance);
  }
  template <value X> constexpr auto operator()(const X& x) const {
    bool training = false;
    batch_norm_options used = options;
    if constexpr (on_tape<X>) {
      training = detail::recorder_of(x)->training();
      if (detail::recorder_of(x)->repeating()) used.momentum = 0;  // the running statistics have moved already
    }
    return apply(batch_norm_op<batch_norm>{used, training}, x, scale, bias, running_mean, running_variance);
  }
};

}  // namespace multifuse
