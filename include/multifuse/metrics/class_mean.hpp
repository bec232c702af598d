#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"

// What the metrics share: checks of their inputs, and the mean of a two-class metric over the classes of a problem.
namespace multifuse {

/// A metric of each class and its mean over the classes it is defined for.
struct class_mean {
  double mean = 0;
  std::vector<double> per_class;  ///< [classes], NaN where the metric is undefined
  isize undefined = 0;            ///< classes left out of the mean
};

namespace detail {

inline isize metric_rows(std::string_view where, std::size_t size, isize columns) {
  if (columns < 1 || size == 0 || static_cast<isize>(size) % columns != 0)
    throw shape_error(where, "values are not whole rows", "[rows >= 1, columns >= 1]",
                      std::to_string(size) + " values, " + std::to_string(columns) + " columns");
  return static_cast<isize>(size) / columns;
}

inline void require_size(std::string_view where, std::string_view what, isize expected, std::size_t got) {
  if (static_cast<isize>(got) != expected)
    throw shape_error(where, std::string("wrong number of ").append(what), std::to_string(expected),
                      std::to_string(got));
}

inline void require_no_nan(std::string_view where, std::span<const float> scores) {
  const auto nan = std::find_if(scores.begin(), scores.end(), [](float score) { return std::isnan(score); });
  if (nan != scores.end())
    throw argument_error(where, "score is not a number", "numbers",
                         "NaN at position " + std::to_string(nan - scores.begin()));
}

/// Scores [samples] sorted from the highest, each with its target, which must be 0 or 1.
struct scored_target {
  float score;
  bool positive;
};
inline std::vector<scored_target> by_falling_score(std::string_view where, std::span<const float> scores,
                                                   std::span<const float> targets) {
  require_size(where, "targets", std::ssize(scores), targets.size());
  require_no_nan(where, scores);
  std::vector<scored_target> sorted;
  sorted.reserve(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (targets[i] != 0 && targets[i] != 1)
      throw argument_error(where, "target is neither 0 nor 1", "0 or 1",
                           std::to_string(targets[i]) + " at position " + std::to_string(i));
    sorted.push_back({scores[i], targets[i] == 1});
  }
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  return sorted;
}

/// Applies `metric(scores, targets)` to each column; `defined(positives, samples)` says where it exists.
template <class Metric, class Defined>
class_mean mean_over_classes(std::string_view where, std::span<const float> scores, std::span<const float> targets,
                             isize classes, Metric metric, Defined defined) {
  const isize samples = metric_rows(where, scores.size(), classes);
  require_size(where, "targets", std::ssize(scores), targets.size());
  class_mean result;
  std::vector<float> column(static_cast<std::size_t>(samples)), truth(column.size());
  double sum = 0;
  for (isize c = 0; c < classes; ++c) {
    for (std::size_t s = 0; s < column.size(); ++s) {
      const std::size_t at = s * static_cast<std::size_t>(classes) + static_cast<std::size_t>(c);
      column[s] = scores[at];
      truth[s] = targets[at];
    }
    const bool exists = defined(static_cast<isize>(std::count(truth.begin(), truth.end(), 1.0f)), samples);
    if (!exists) by_falling_score(where, column, truth);  // bad values are refused even where nothing is measured
    result.per_class.push_back(exists ? metric(column, truth) : std::numeric_limits<double>::quiet_NaN());
    if (exists) sum += result.per_class.back();
    result.undefined += !exists;
  }
  if (result.undefined == classes)
    throw argument_error(where, "undefined for every class", "a class with positives (and negatives)", "none");
  result.mean = sum / static_cast<double>(classes - result.undefined);
  return result;
}

}  // namespace detail
}  // namespace multifuse
