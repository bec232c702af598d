#pragma once
#include "../ops/layer_norm.hpp"
#include "../tape/members.hpp"

namespace multifuse {

/// What a normalization adds to the variance before dividing by its root. A struct, so that it can be a template
/// argument.
struct norm_config {
  double epsilon = 1e-6;
};

/// Layer normalization over the last axis (Ba, Kiros and Hinton 2016): [..., Width] -> [..., Width].
template <class D, isize Width, norm_config C = norm_config{}> struct layer_norm {
  parameter<D, width<Width>> scale{init::ones()};
  parameter<D, width<Width>> bias{init::zeros()};

  constexpr void members(auto&& visit) {
    visit("scale", scale);
    visit("bias", bias);
  }
  template <value X> constexpr auto operator()(const X& x) const {
    return apply(layer_norm_op<layer_norm>{C.epsilon}, x, scale, bias);
  }
};

}  // namespace multifuse
