#pragma once
#include <algorithm>

#include "multifuse/metrics/class_mean.hpp"

namespace multifuse {

/// Share of samples whose label is among the k highest scores. When the label ties with other classes across the k-th
/// place, the sample counts with the probability of the label being kept if ties were broken at random; so a
/// classifier with equal scores everywhere gets k / classes, whatever the order of the classes.
/// @param scores  [samples, classes]; logits and probabilities give the same
/// @param labels  [samples], 0 ... classes - 1
/// @throws shape_error     when the extents do not fit or there are no samples
/// @throws argument_error  for a NaN score, a label that is no class, or k outside 1 ... classes
inline double top_k_accuracy(std::span<const float> scores, std::span<const isize> labels, isize classes, isize k = 1) {
  const isize samples = detail::metric_rows("top_k_accuracy", scores.size(), classes);
  detail::require_size("top_k_accuracy", "labels", samples, labels.size());
  detail::require_no_nan("top_k_accuracy", scores);
  if (k < 1 || k > classes)
    throw argument_error("top_k_accuracy", "unusable k", "1 ... " + std::to_string(classes), std::to_string(k));
  double kept = 0;
  for (std::size_t s = 0; s < labels.size(); ++s) {
    if (labels[s] < 0 || labels[s] >= classes)
      throw argument_error("top_k_accuracy", "label is no class", "0 ... " + std::to_string(classes - 1),
                           std::to_string(labels[s]) + " for sample " + std::to_string(s));
    const auto row = scores.subspan(s * static_cast<std::size_t>(classes), static_cast<std::size_t>(classes));
    const float own = row[static_cast<std::size_t>(labels[s])];
    const auto better = std::count_if(row.begin(), row.end(), [own](float score) { return score > own; });
    const auto tied = std::count(row.begin(), row.end(), own);
    kept += std::clamp(static_cast<double>(k - better) / static_cast<double>(tied), 0.0, 1.0);
  }
  return kept / static_cast<double>(samples);
}

}  // namespace multifuse
