#pragma once
#include "../ops/pointwise.hpp"
#include "linear.hpp"

namespace multifuse {

/// A linear layer whose features gate themselves ("gated embedding unit": Miech, Laptev and Sivic, "Learning a
/// Text-Video Embedding from Incomplete and Heterogeneous Data", 2018, without its normalization): u = projection(x),
/// y = u * sigmoid(gate(u)). [..., In] -> [..., Out].
template <class D, isize In, isize Out> struct gated_linear {
  linear<D, In, Out> projection = started<In>();
  linear<D, Out, Out> gate = started<Out>();

  constexpr void members(auto&& visit) {
    visit("projection", projection);
    visit("gate", gate);
  }
  template <value X> constexpr auto operator()(const X& x) const {
    const auto u = projection(x);
    return evaluate(u * sigmoid(gate(u)));
  }

 private:
  template <isize From> static constexpr linear<D, From, Out> started() {
    using layer = linear<D, From, Out>;
    return {.weight = decltype(layer::weight)(init::fan_in_uniform(From)),
            .bias = decltype(layer::bias)(init::fan_in_uniform(From))};
  }
};

}  // namespace multifuse
