#pragma once
#include <cmath>
#include <numbers>

#include "multifuse/metrics/class_mean.hpp"

namespace multifuse {

/// Area under the ROC curve: the probability that a positive scores above a negative, a tie counting one half.
/// @param scores   [samples]
/// @param targets  [samples], 1 for positives, else 0
/// @throws shape_error     when the sizes differ
/// @throws argument_error  for a NaN score, a target other than 0 and 1, or when positives or negatives are missing
inline double roc_auc(std::span<const float> scores, std::span<const float> targets) {
  const auto sorted = detail::by_falling_score("roc_auc", scores, targets);
  double won = 0, positives = 0, negatives = 0;
  for (std::size_t i = 0; i < sorted.size();) {
    const float level = sorted[i].score;
    double here[2] = {0, 0};  // negatives and positives at this score
    for (; i < sorted.size() && sorted[i].score == level; ++i) ++here[sorted[i].positive];
    won += here[0] * (positives + here[1] / 2);
    negatives += here[0];
    positives += here[1];
  }
  if (positives == 0 || negatives == 0)
    throw argument_error("roc_auc", "one of the two classes is missing", "positives and negatives",
                         positives == 0 ? "no positives" : "no negatives");
  return won / positives / negatives;
}

/// Mean of the area under the ROC curve over classes; classes without positives or without negatives are NaN in
/// `per_class`, counted in `undefined` and left out of the mean.
/// @param scores   [samples, classes]
/// @param targets  [samples, classes], 1 for positives, else 0
/// @throws as `roc_auc`, and argument_error when it is undefined for every class
inline class_mean mean_roc_auc(std::span<const float> scores, std::span<const float> targets, isize classes) {
  return detail::mean_over_classes("mean_roc_auc", scores, targets, classes, roc_auc,
                                   [](isize positives, isize samples) { return positives > 0 && positives < samples; });
}

/// Distance between two unit normal distributions whose ROC curve has this area: sqrt(2) times the normal quantile of
/// the area. Infinite for 0 and 1. AudioSet reports it for the mean area over classes.
/// @throws argument_error  for an area outside 0 ... 1
inline double d_prime(double area) {
  if (!(area >= 0 && area <= 1)) throw argument_error("d_prime", "not an area", "0 ... 1", std::to_string(area));
  const double tail = std::min(area, 1 - area);
  if (tail == 0) return area == 0 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  double low = 0, high = 40;  // P(normal > 40) is below the smallest double
  for (int halving = 0; halving < 64; ++halving) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::numbers::sqrt2) / 2 > tail ? low : high) = middle;
  }
  return std::copysign(std::numbers::sqrt2 * (low + high) / 2, area - 0.5);
}

}  // namespace multifuse
