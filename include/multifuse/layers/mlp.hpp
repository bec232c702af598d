#pragma once
#include "../ops/pointwise.hpp"
#include "linear.hpp"

namespace multifuse {

/// The nonlinearities a configuration can name.
enum class activation { gelu, gelu_tanh, relu, tanh, none };

/// Applies the named nonlinearity lazily.
template <activation A, value X> constexpr auto activate(const X& x) {
  if constexpr (A == activation::gelu)
    return gelu(x);
  else if constexpr (A == activation::gelu_tanh)
    return gelu_tanh(x);
  else if constexpr (A == activation::relu)
    return relu(x);
  else if constexpr (A == activation::tanh)
    return tanh(x);
  else
    return x;
}

/// Two linear layers with a nonlinearity between them: [..., Width] -> [..., Hidden] -> [..., Width].
template <class D, isize Width, isize Hidden, activation A = activation::gelu> struct mlp {
  linear<D, Width, Hidden> expand;
  linear<D, Hidden, Width> contract;

  constexpr void members(auto&& visit) {
    visit("expand", expand);
    visit("contract", contract);
  }
  template <value X> constexpr auto operator()(const X& x) const { return contract(hidden(x)); }

  /// What `contract` takes: [..., Hidden].
  template <value X> constexpr auto hidden(const X& x) const {
    return evaluate_in_place(expand(x), [](const auto& y) { return activate<A>(y); });
  }
};

}  // namespace multifuse
