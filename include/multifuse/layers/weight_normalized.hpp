#pragma once
#include "../ops/normalize.hpp"
#include "linear.hpp"

namespace multifuse {

/// A linear layer whose weight is a direction and a length for each output (Salimans and Kingma 2016):
/// y_k = gain_k (direction_k . x) / |direction_k|, without a bias. [..., In] -> [..., Out]. Frozen at 1, the gain
/// leaves rows of length 1: with inputs of length 1 the outputs are cosines.
template <class D, isize In, isize Out> struct weight_normalized {
  parameter<D, outputs<Out>, inputs<In>> direction{init::xavier_uniform(In, Out)};
  parameter<D, width<Out>> gain{init::ones()};

  constexpr void members(auto&& visit) {
    visit("direction", direction);
    visit("gain", gain);
  }
  template <value X> constexpr auto operator()(const X& x) const {
    const auto y = apply(linear_op<weight_normalized>{}, x, l2_normalize(beside(direction, x)));
    return evaluate(rename<last_tag<detail::shape_of_t<decltype(y)>>, width_axis>(y) * gain);
  }
};

}  // namespace multifuse
