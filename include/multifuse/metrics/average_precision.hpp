#pragma once
#include "multifuse/metrics/class_mean.hpp"

namespace multifuse {

/// Average precision of one class: the sum over falling thresholds of (recall gained) x (precision there). Samples with
/// equal scores pass a threshold together, so their order does not matter; nothing is interpolated.
/// @param scores   [samples]
/// @param targets  [samples], 1 for positives, else 0
/// @throws shape_error     when the sizes differ
/// @throws argument_error  for a NaN score, a target other than 0 and 1, or no positives
inline double average_precision(std::span<const float> scores, std::span<const float> targets) {
  const auto sorted = detail::by_falling_score("average_precision", scores, targets);
  double sum = 0, positives = 0;
  for (std::size_t i = 0; i < sorted.size();) {
    const std::size_t first = i;
    double gained = 0;
    for (; i < sorted.size() && sorted[i].score == sorted[first].score; ++i) gained += sorted[i].positive;
    positives += gained;
    sum += gained * positives / static_cast<double>(i);
  }
  if (positives == 0) throw argument_error("average_precision", "no positives", "at least one target of 1", "none");
  return sum / positives;
}

/// Mean of the average precision over classes. Classes without positives have none: they are NaN in `per_class`,
/// counted in `undefined` and left out of the mean.
/// @param scores   [samples, classes]
/// @param targets  [samples, classes], 1 for positives, else 0
/// @throws as `average_precision`, and argument_error when no class has positives
inline class_mean mean_average_precision(std::span<const float> scores, std::span<const float> targets, isize classes) {
  return detail::mean_over_classes("mean_average_precision", scores, targets, classes, average_precision,
                                   [](isize positives, isize) { return positives > 0; });
}

}  // namespace multifuse
