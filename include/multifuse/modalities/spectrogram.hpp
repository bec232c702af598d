#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"

namespace multifuse {

/// Time-frequency picture [frames, bins] of a sound, row-major: what an audio front end returns and what the operations
/// below and in augment.hpp change in place. `values()` is the memory to copy into a tensor.
class spectrogram {
 public:
  /// All zeros.
  /// @throws argument_error  for a negative number of frames, or no bins
  spectrogram(isize frames, isize bins) : frames_(frames), bins_(bins) {
    if (frames < 0 || bins < 1)
      throw argument_error("spectrogram", "unusable extents", "[frames >= 0, bins >= 1]",
                           "[" + std::to_string(frames) + ", " + std::to_string(bins) + "]");
    values_.resize(static_cast<std::size_t>(frames * bins));
  }

  isize frames() const { return frames_; }
  isize bins() const { return bins_; }

  /// All values, [frames, bins].
  std::span<float> values() { return values_; }
  std::span<const float> values() const { return values_; }

  /// One frame, [bins].
  std::span<float> frame(isize f) { return values().subspan(offset(f), static_cast<std::size_t>(bins_)); }
  std::span<const float> frame(isize f) const { return values().subspan(offset(f), static_cast<std::size_t>(bins_)); }

  /// Cuts at the end, or appends frames of zeros, until there are `target` frames.
  /// @throws argument_error  for a negative target
  void fit_frames(isize target) {
    if (target < 0)
      throw argument_error("spectrogram::fit_frames", "negative number of frames", "0 or more", std::to_string(target));
    values_.resize(static_cast<std::size_t>(target * bins_));
    frames_ = target;
  }

  /// x -> (x - mean) / deviation.
  /// @throws argument_error  for a mean that is not finite or a deviation that is not positive
  void normalize(double mean, double deviation) {
    if (!std::isfinite(mean) || !(deviation > 0) || !std::isfinite(deviation))
      throw argument_error("spectrogram::normalize", "unusable statistics", "a finite mean, a positive deviation",
                           "mean " + std::to_string(mean) + ", deviation " + std::to_string(deviation));
    const auto shift = static_cast<float>(mean), scale = static_cast<float>(deviation);
    for (float& value : values_) value = (value - shift) / scale;
  }

 private:
  std::size_t offset(isize f) const {
    if (f < 0 || f >= frames_)
      throw argument_error("spectrogram::frame", "no such frame", "0 ... " + std::to_string(frames_ - 1),
                           std::to_string(f));
    return static_cast<std::size_t>(f * bins_);
  }

  isize frames_, bins_;
  std::vector<float> values_;
};

}  // namespace multifuse
