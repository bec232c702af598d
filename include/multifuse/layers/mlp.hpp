#pragma once
#include "../ops/mlp.hpp"
#include "../ops/pointwise.hpp"
#include "linear.hpp"

namespace multifuse {

/// The nonlinearities a configuration can name.
enum class activation { gelu, gelu_tanh, relu, tanh, none };

namespace detail {
template <activation A> struct function_named;
template <> struct function_named<activation::gelu> { using type = functions::gelu; };
template <> struct function_named<activation::gelu_tanh> { using type = functions::gelu_tanh; };
template <> struct function_named<activation::relu> { using type = functions::relu; };
template <> struct function_named<activation::tanh> { using type = functions::tanh; };
template <> struct function_named<activation::none> { using type = void; };
}  // namespace detail

/// Applies the named nonlinearity lazily.
template <activation A, value X> constexpr auto activate(const X& x) {
  if constexpr (A == activation::none)
    return x;
  else
    return map<typename detail::function_named<A>::type>(x);
}

/// Two linear layers with a nonlinearity between them: [..., Width] -> [..., Hidden] -> [..., Width].
template <class D, isize Width, isize Hidden, activation A = activation::gelu> struct mlp {
  linear<D, Width, Hidden> expand;
  linear<D, Hidden, Width> contract;

  constexpr void members(auto&& visit) {
    visit("expand", expand);
    visit("contract", contract);
  }
  using function = typename detail::function_named<A>::type;
  /// On a tape one operation, where the backend's products have the function and its gradient.
  template <class X> static constexpr bool is_one_operation = on_tape<X> && keeps_arguments<D, function>;

  template <value X> constexpr auto operator()(const X& x) const {
    if constexpr (is_one_operation<X>)
      return apply(mlp_op<mlp, function>{}, x, expand.weight, expand.bias, contract.weight, contract.bias);
    else
      return contract(hidden(x));
  }

  /// What `contract` takes: [..., Hidden].
  template <value X> constexpr auto hidden(const X& x) const {
    if constexpr (A == activation::none)
      return expand(x);
    else
      return expand.template followed_by<function>(x);
  }
};

}  // namespace multifuse
