#pragma once
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "../core/error.hpp"
#include "../core/types.hpp"

/// Precomputed feature sequences, row-major [rows, width], as data loaders prepare them.
namespace multifuse {

/// The first `rows` rows; short sequences are continued with zeros. Throws argument_error if `width` does not divide
/// the number of values.
inline std::vector<float> fit_rows(std::span<const float> values, isize width, isize rows) {
  if (width < 1 || rows < 1 || isize(values.size()) % width != 0)
    throw argument_error("fit_rows", "the values are not whole rows", "a multiple of " + std::to_string(width),
                         std::to_string(values.size()));
  std::vector<float> fitted(std::size_t(rows * width), 0.0f);
  for (std::size_t i = 0; i < fitted.size() && i < values.size(); ++i) fitted[i] = values[i];
  return fitted;
}

/// Divides each row by its Euclidean length; rows shorter than `epsilon` are divided by `epsilon`, so zeros stay zero.
inline void normalize_rows(std::span<float> values, isize width, float epsilon = 1e-12f) {
  if (width < 1 || isize(values.size()) % width != 0)
    throw argument_error("normalize_rows", "the values are not whole rows", "a multiple of " + std::to_string(width),
                         std::to_string(values.size()));
  for (std::size_t row = 0; row < values.size(); row += std::size_t(width)) {
    double squares = 0;
    for (isize i = 0; i < width; ++i) squares += double(values[row + std::size_t(i)]) * values[row + std::size_t(i)];
    const float length = float(std::sqrt(squares));
    for (isize i = 0; i < width; ++i) values[row + std::size_t(i)] /= length > epsilon ? length : epsilon;
  }
}

/// A label vector with smoothing: every class gets `smoothing / classes`, and each listed class its share on top.
/// UAVM sets the value of the classes of a plain sample to 1 - smoothing (`replace`), and adds the weighted 1 -
/// smoothing of each partner for a mixed one.
class smoothed_labels {
 public:
  smoothed_labels(isize classes, float smoothing)
      : smoothing_(smoothing), values_(std::size_t(classes), smoothing / float(classes)) {}

  smoothed_labels& replace(std::span<const isize> positives) {
    for (isize c : positives) at(c) = 1 - smoothing_;
    return *this;
  }
  smoothed_labels& add(std::span<const isize> positives, float weight) {
    for (isize c : positives) at(c) += weight * (1 - smoothing_);
    return *this;
  }
  const std::vector<float>& values() const { return values_; }

 private:
  float& at(isize c) {
    if (c < 0 || c >= isize(values_.size()))
      throw argument_error("smoothed_labels", "no such class", "0 to " + std::to_string(values_.size() - 1),
                           std::to_string(c));
    return values_[std::size_t(c)];
  }
  float smoothing_;
  std::vector<float> values_;
};

}  // namespace multifuse
