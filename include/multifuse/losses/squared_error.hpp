#pragma once
#include "elementwise.hpp"

namespace multifuse {

namespace functions {
struct squared_error {
  static constexpr std::string_view name = "squared_error", input = "prediction";
  static constexpr bool symmetric = true;
  static constexpr double flops = 3;
  template <class T> MULTIFUSE_HD static T value(T x, T y) { return (x - y) * (x - y); }
  template <class T> MULTIFUSE_HD static T slope(T x, T y) { return T(2) * (x - y); }
};
}  // namespace functions

/// The squared difference of two values of one shape: its mean over everything, or its sum over the last axis averaged
/// over the rest. Both get a gradient; `detach` the target to stop it there. Throws argument_error for NaN or infinite
/// elements.
template <value X, value Q>
requires same_axes_in_order<detail::shape_of_t<X>, detail::shape_of_t<Q>>
constexpr auto squared_error(const X& predictions, const Q& targets, reduction reduce = reduction::mean) {
  return apply(elementwise_loss_op<functions::squared_error>{reduce, 0}, predictions, targets);
}
/// Likewise with rows weighted by weights [batch, ...], normalized by their sum. Throws argument_error unless it is
/// positive.
template <value X, value Q, value W>
requires same_axes_in_order<detail::shape_of_t<X>, detail::shape_of_t<Q>> &&
    weights_for<detail::shape_of_t<W>, detail::shape_of_t<X>>
constexpr auto squared_error(const X& predictions, const Q& targets, const W& weights,
                             reduction reduce = reduction::mean) {
  return apply(elementwise_loss_op<functions::squared_error>{reduce, 0}, predictions, targets,
               detail::constant(weights));
}

}  // namespace multifuse
