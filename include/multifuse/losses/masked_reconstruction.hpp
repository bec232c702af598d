#pragma once
#include <cmath>

#include "../ops/layer_norm.hpp"
#include "../ops/pointwise.hpp"
#include "squared_error.hpp"

namespace multifuse {

/// Patches whose elements have mean 0 and variance 1 each: (x - mean) / sqrt(variance + epsilon) over the last axis
/// with the variance of a sample (divided by n - 1). Targets of masked autoencoders (He et al. 2022). Throws
/// argument_error for patches of a single element.
template <value X> constexpr auto normalized_patches(const X& x, double epsilon = 1e-6) {
  const double n = double(detail::dims_of(x).last());
  if (n < 2) throw argument_error("normalized_patches", "too small a patch", "2 elements or more", std::to_string(n));
  const double ratio = (n - 1) / n;  // variance of a population over that of a sample
  return evaluate(apply(layer_norm_op<struct normalized_patches_axis>{epsilon * ratio}, x) * std::sqrt(ratio));
}

/// The mean over hidden patches of the mean squared difference within a patch: predictions and targets [batch, tokens,
/// elements], hidden [batch, tokens] with 1 for patches that count. Throws argument_error where nothing is hidden.
template <value X, value Q, value W>
constexpr auto masked_reconstruction(const X& predictions, const Q& targets, const W& hidden) {
  return squared_error(predictions, targets, hidden);
}

}  // namespace multifuse
