#pragma once
#include "linear.hpp"

namespace multifuse {

/// y = Function(x expand^T + expand_bias) contract^T + contract_bias on a tape: two linear layers with a function between
/// them, as one operation, for backends that have the function and its gradient inside their products.
template <class Where, class Function> struct mlp_op {
  template <class S, class W, class B, class V, class C>
  constexpr auto shape(const S& x, const W& expand, const B&, const V& contract, const C&) const {
    return linear_op<Where>{}.shape(linear_op<Where>{}.shape(x, expand), contract);
  }

  /// Returns the hidden layer, before and after the function.
  template <class D, class R, class S, class W, class B, class V, class C>
  auto forward(const tensor<D, R>& y, const tensor<D, S>& x, const tensor<D, W>& expand,
               const tensor<D, B>& expand_bias, const tensor<D, V>& contract,
               const tensor<D, C>& contract_bias) const {
    const isize rows = x.dims().leading(), inputs = expand.dims()[1], hidden = expand.dims()[0];
    const auto before = resized(x, hidden), after = resized(x, hidden);
    D::template linear_keeping<Function>(rows, hidden, inputs, x.data(), expand.data(), expand_bias.data(),
                                         before.data(), after.data());
    detail::linear_computation<void>{}.forward(y, after, contract, contract_bias);
    return make_pack(before, after);
  }

  template <class D, class R, class H, class S, class W, class B, class V, class C>
  void backward(const tensor<D, R>& dy, const tensor<D, R>& y, const H& layer, const tensor<D, S>& x,
                const tensor<D, W>& expand, const tensor<D, B>& expand_bias, const tensor<D, V>& contract,
                const tensor<D, C>& contract_bias, const gradient_sink<D, S>& dx, const gradient_sink<D, W>& dexpand,
                const gradient_sink<D, B>& dexpand_bias, const gradient_sink<D, V>& dcontract,
                const gradient_sink<D, C>& dcontract_bias) const {
    constexpr detail::linear_computation<void> linear;
    const auto &before = get<0>(layer), &after = get<1>(layer);
    using hidden_sink = gradient_sink<D, typename std::remove_cvref_t<decltype(after)>::shape_type>;
    linear.backward(dy, y, after, contract, contract_bias, hidden_sink(), dcontract, dcontract_bias);
    if (!dx && !dexpand && !dexpand_bias) return;
    const std::remove_cvref_t<decltype(before)> dbefore(before.dims());
    D::template linear_through<Function>(dy.dims().leading(), contract.dims()[0], contract.dims()[1], dy.data(),
                                         contract.data(), before.data(), dbefore.data());
    linear.backward(dbefore, before, x, expand, expand_bias, dx, dexpand, dexpand_bias);
  }

 private:
  template <class D, class S> static auto resized(const tensor<D, S>& x, isize hidden) {
    using R = resize_axis<S, last_tag<S>, dynamic>;
    return tensor<D, R>(with_extent<R, last_tag<S>>(x.dims(), hidden));
  }
};

}  // namespace multifuse
