#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>

#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"

namespace multifuse {

/// What a frozen network made of samples, on the host, with the samples' classes.
struct labeled_features {
  std::span<const float> features;  ///< [samples, width], row after row
  std::span<const isize> labels;    ///< [samples], 0 ... classes - 1

  isize samples() const { return std::ssize(labels); }
  isize width() const { return std::ssize(features) / std::ssize(labels); }
  const float* row(isize sample) const { return features.data() + sample * width(); }
  /// One more than the largest label.
  isize classes() const { return 1 + *std::max_element(labels.begin(), labels.end()); }
};

namespace detail {

/// Throws shape_error unless there are whole rows, one for each label, and argument_error for a feature that is not
/// finite or a negative label.
inline void check_features(std::string_view where, const labeled_features& data) {
  const auto rows = data.labels.size();
  if (rows == 0 || data.features.empty() || data.features.size() % rows != 0)
    throw shape_error(where, "features are not one row for each label", "[samples >= 1, width >= 1]",
                      std::to_string(data.features.size()) + " features, " + std::to_string(rows) + " labels");
  for (std::size_t i = 0; i < data.features.size(); ++i)
    if (!std::isfinite(data.features[i]))
      throw argument_error(where, "a feature is not finite", "finite numbers",
                           std::to_string(data.features[i]) + " at position " + std::to_string(i));
  for (std::size_t i = 0; i < rows; ++i)
    if (data.labels[i] < 0)
      throw argument_error(where, "label is no class", "0 or more",
                           std::to_string(data.labels[i]) + " for sample " + std::to_string(i));
}

/// Likewise for two sets that belong together.
inline void check_features(std::string_view where, const labeled_features& train, const labeled_features& test) {
  check_features(where, train);
  check_features(where, test);
  if (train.width() != test.width())
    throw shape_error(where, "features of another width", std::to_string(train.width()), std::to_string(test.width()));
}

}  // namespace detail
}  // namespace multifuse
