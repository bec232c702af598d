#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "multifuse/backend/cpu/eigenvectors.hpp"

namespace multifuse {

/// Principal components of features, each scaled to variance 1: what deep clustering does to features before k-means
/// (Caron et al. 2018).
class whitening {
 public:
  /// Measures features [samples, width] and keeps the `components` directions of largest variance. Directions without
  /// variance become zero. Throws shape_error for features that are not whole rows, argument_error unless there are at
  /// least two samples, 1 ... width components, and only finite features. `Number`: what is computed with.
  template <class Number = double>
  whitening(std::span<const float> features, isize width, isize components) : width_(width), components_(components) {
    const isize samples = rows(features);
    if (samples < 2 || components < 1 || components > width)
      throw argument_error("whitening", "unusable number of samples or components",
                           "2 samples or more, 1 ... " + std::to_string(width) + " components",
                           std::to_string(samples) + ", " + std::to_string(components));
    mean_.resize(std::size_t(width), 0.0);
    for (isize s = 0; s < samples; ++s)
      for (isize i = 0; i < width; ++i) mean_[std::size_t(i)] += features[std::size_t(s * width + i)] / double(samples);
    std::vector<Number> covariance(std::size_t(width * width), Number(0)), off(mean_.size());
    for (isize s = 0; s < samples; ++s) {
      for (isize i = 0; i < width; ++i)
        off[std::size_t(i)] = Number(features[std::size_t(s * width + i)] - mean_[std::size_t(i)]);
      for (isize i = 0; i < width; ++i)
        for (isize k = 0; k <= i; ++k)
          covariance[std::size_t(i * width + k)] += off[std::size_t(i)] * off[std::size_t(k)] / Number(samples);
    }
    const auto found = eigenvectors::of<Number>(covariance, width);
    for (isize c = 0; c < components; ++c) {
      const double variance = found.values[std::size_t(c)];
      const double scale = variance > 1e-12 * found.values[0] ? 1 / std::sqrt(variance) : 0;
      for (isize i = 0; i < width; ++i) directions_.push_back(scale * found.vectors[std::size_t(c * width + i)]);
    }
  }

  /// Features [samples, width] -> [samples, components]. Throws shape_error for features of another width.
  std::vector<float> operator()(std::span<const float> features) const {
    std::vector<float> result;
    for (isize s = 0; s < rows(features); ++s)
      for (isize c = 0; c < components_; ++c) {
        double along = 0;
        for (isize i = 0; i < width_; ++i)
          along += directions_[std::size_t(c * width_ + i)] *
                   (double(features[std::size_t(s * width_ + i)]) - mean_[std::size_t(i)]);
        result.push_back(float(along));
      }
    return result;
  }

 private:
  isize rows(std::span<const float> features) const {
    if (width_ < 1 || features.empty() || std::ssize(features) % width_ != 0)
      throw shape_error("whitening", "features are not whole rows", "[samples >= 1, " + std::to_string(width_) + "]",
                        std::to_string(features.size()) + " features");
    return std::ssize(features) / width_;
  }

  isize width_, components_;
  std::vector<double> mean_, directions_;  // [width], [components, width]
};

}  // namespace multifuse
