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

/// Whether cuBLASLt can be asked to write or read the arguments of a function at this place.
template <class T> bool takes_arguments(const T* arguments, isize columns) {
  return columns % 8 == 0 && alignment_of(arguments, 0) == 16;
}

/// A linear layer and a function of it, whose arguments are kept for the backward pass.
template <class D, class Function>
void linear_keeping_on_device(isize rows, isize outputs, isize inputs, const typename D::scalar* x,
                              const typename D::scalar* weight, const typename D::scalar* bias,
                              typename D::scalar* arguments, typename D::scalar* y) {
  using T = typename D::scalar;
  const product_epilogue epilogue{.adds_bias = true,
                                  .applies = epilogue_function<Function>,
                                  .of_function = product_epilogue::arguments::written};
  if (takes_arguments(arguments, outputs) &&
      multiply_with_epilogue<T>(rows, outputs, inputs, {x, inputs, 0}, {weight, inputs, 0, layout::transposed},
                                compute_type<T>(0), {y, outputs, 0}, epilogue, bias, arguments))
    return;
  D::template linear<void>(rows, outputs, inputs, x, weight, nullptr, bias, arguments);
  D::for_each(rows, outputs, function_kernel<T, Function>{arguments, y, outputs});
}

/// The gradient of a linear layer's input that is a function, with respect to its arguments.
template <class D, class Function>
void linear_through_on_device(isize rows, isize outputs, isize inputs, const typename D::scalar* dy,
                              const typename D::scalar* weight, const typename D::scalar* arguments,
                              typename D::scalar* darguments) {
  using T = typename D::scalar;
  const matrix<const T> left{dy, outputs, 0}, right{weight, inputs, 0};
  const product_epilogue epilogue{.applies = epilogue_function<Function>,
                                  .of_function = product_epilogue::arguments::read};
  if (takes_arguments(arguments, inputs) &&
      multiply_with_epilogue<T>(rows, inputs, outputs, left, right, compute_type<T>(0), {darguments, inputs, 0},
                                epilogue, nullptr, arguments))
    return;
  D::multiply(1, rows, inputs, outputs, 1, left, right, 0, {darguments, inputs, 0});
  D::for_each(rows, inputs, function_slope_kernel<T, Function>{arguments, darguments, inputs});
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
