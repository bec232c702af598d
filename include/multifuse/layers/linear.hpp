#pragma once
#include "../ops/linear.hpp"
#include "../tape/members.hpp"

namespace multifuse {

/// y = x W^T + b over the last axis: [..., In] -> [..., Out]. Weight [Out, In], bias [Out].
template <class D, isize In, isize Out, bool Bias = true> struct linear {
  parameter<D, outputs<Out>, inputs<In>> weight{init::xavier_uniform(In, Out)};
  parameter<D, outputs<Out>> bias{init::zeros()};

  constexpr void members(auto&& visit) {
    visit("weight", weight);
    visit("bias", bias);
  }
  template <value X> constexpr auto operator()(const X& x) const {
    return apply(linear_op<linear>{{weight.packed()}}, x, weight, bias);
  }

  /// Function(y) with a function of ops/pointwise.hpp; without a tape computed while y is in the cache.
  template <class Function, value X> constexpr auto followed_by(const X& x) const {
    if constexpr (on_tape<X> || std::is_same_v<D, meta>)
      return map<Function>((*this)(x));
    else
      return apply(linear_op<linear, Function>{{weight.packed()}}, x, weight, bias);
  }
};

template <class D, isize In, isize Out> struct linear<D, In, Out, false> {
  parameter<D, outputs<Out>, inputs<In>> weight{init::xavier_uniform(In, Out)};

  constexpr void members(auto&& visit) { visit("weight", weight); }
  template <value X> constexpr auto operator()(const X& x) const {
    return apply(linear_op<linear>{{weight.packed()}}, x, weight);
  }
};

}  // namespace multifuse
