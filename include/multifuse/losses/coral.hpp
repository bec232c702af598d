#pragma once
#include "../ops/matmul.hpp"
#include "../ops/reduce.hpp"
#include "mean_discrepancy.hpp"

namespace multifuse {

namespace detail {
/// The covariance of features: [batch, width] -> [width, keys].
template <value X, value Mean> constexpr auto covariance(const X& x, const Mean& center) {
  const isize count = dims_of(x)[0];
  if (count < 2) throw argument_error("coral", "too few rows of a sample for a covariance", "2", std::to_string(count));
  const auto centered = evaluate(x - center);
  return evaluate(matmul<batch_axis>(centered, rename<width_axis, keys_axis>(centered)) * (1.0 / double(count - 1)));
}
}  // namespace detail

/// Difference of the first two moments of two samples, [batch, width] and [batch', width]: the mean squared difference
/// of their means plus that of their covariances (deep CORAL, Sun and Saenko 2016, with means). Throws argument_error
/// for a sample of fewer than two rows.
template <value X, value Y>
requires comparable_samples<detail::shape_of_t<X>, detail::shape_of_t<Y>>
constexpr auto coral(const X& x, const Y& y) {
  const auto mean_x = mean<batch_axis>(x);
  const auto mean_y = mean<batch_axis>(y);
  return evaluate(mean(square(mean_x - mean_y)) +
                  mean(square(detail::covariance(x, mean_x) - detail::covariance(y, mean_y))));
}

}  // namespace multifuse
