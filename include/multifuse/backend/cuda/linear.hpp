#pragma once
#include "../../tensor/finish_linear.hpp"
#include "multiply.hpp"

namespace multifuse {

namespace functions {
struct relu;
struct gelu_tanh;
}  // namespace functions

namespace detail {

/// The function of cuBLASLt that computes the same as one of ops/pointwise.hpp; its gelu is the approximation by tanh.
template <class Function>
inline constexpr auto epilogue_function = std::is_same_v<Function, functions::relu> ? product_epilogue::function::relu
                                          : std::is_same_v<Function, functions::gelu_tanh>
                                              ? product_epilogue::function::gelu_tanh
                                              : product_epilogue::function::none;

/// Linear layers on a device `D`: bias and function in the same pass as the product where cuBLASLt has them, else in
/// one pass after it. Functions that it does not know get the bias in the product only.
template <class D, class Function>
void linear_on_device(isize rows, isize outputs, isize inputs, const typename D::scalar* x,
                      const typename D::scalar* weight, const typename D::scalar* bias, typename D::scalar* y) {
  using T = typename D::scalar;
  using C = compute_type<T>;
  constexpr auto function = epilogue_function<Function>;
  constexpr bool whole = std::is_void_v<Function> || function != product_epilogue::function::none;
  const matrix<const T> left{x, inputs, 0}, right{weight, inputs, 0, layout::transposed};
  const product_epilogue epilogue{.adds_bias = bias != nullptr, .applies = function};
  const bool fused = epilogue.anything() && multiply_with_epilogue<T>(rows, outputs, inputs, left, right, C(0),
                                                                      {y, outputs, 0}, epilogue, bias);
  if (!fused) D::multiply(1, rows, outputs, inputs, C(1), left, right, C(0), {y, outputs, 0});
  if (fused && whole) return;
  if ((bias && !fused) || !std::is_void_v<Function>)
    D::for_each(rows, outputs, finish_linear_kernel<T, Function>{y, fused ? nullptr : bias, outputs});
}

/// Gradients of a weight and its bias: the sums of dy come out of the product that reads it, where cuBLASLt can do
/// that. It cannot add them to others.
template <class D>
void linear_gradients_on_device(isize rows, isize outputs, isize inputs, const typename D::scalar* x,
                                const typename D::scalar* dy, compute_type<typename D::scalar> beta,
                                typename D::scalar* dweight, compute_type<typename D::scalar> bias_beta,
                                typename D::scalar* dbias) {
  using T = typename D::scalar;
  using C = compute_type<T>;
  const matrix<const T> left{dy, outputs, 0, layout::transposed}, right{x, inputs, 0};
  if (bias_beta == C(0) && multiply_with_epilogue<T>(outputs, inputs, rows, left, right, beta, {dweight, inputs, 0},
                                                     {.sums_second = true}, dbias))
    return;
  D::multiply(1, outputs, inputs, rows, C(1), left, right, beta, {dweight, inputs, 0});
  D::sum(1, rows, outputs, dy, bias_beta, dbias);
}

}  // namespace detail

}  // namespace multifuse
