#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"

namespace multifuse {

/// Throws unless a waveform has samples and all of them are finite.
/// @throws argument_error  naming the first sample that is NaN or infinite
inline void require_finite(std::string_view where, std::span<const float> waveform) {
  if (waveform.empty()) throw argument_error(where, "empty waveform", "at least one sample", "none");
  const auto bad = std::find_if(waveform.begin(), waveform.end(), [](float x) { return !std::isfinite(x); });
  if (bad != waveform.end())
    throw argument_error(where, "waveform is not finite", "finite samples",
                         std::to_string(*bad) + " at sample " + std::to_string(bad - waveform.begin()));
}

/// The waveform less its mean over all samples.
/// @throws argument_error  for an empty waveform or one that is not finite
inline std::vector<float> remove_mean(std::span<const float> waveform) {
  require_finite("remove_mean", waveform);
  double sum = 0;
  for (float sample : waveform) sum += sample;
  const auto mean = static_cast<float>(sum / static_cast<double>(waveform.size()));
  std::vector<float> out(waveform.begin(), waveform.end());
  for (float& sample : out) sample -= mean;
  return out;
}

/// Position `index` of `count` evenly spaced ones from 0 to `last`, both included; fractions are cut off. LAVISH takes
/// its ten one-second segments at evenly_spaced(samples - 17600, 10, k).
/// @throws argument_error  for a negative `last`, no positions, or an index outside 0 ... count - 1
constexpr isize evenly_spaced(isize last, isize count, isize index) {
  if (last < 0 || count < 1 || index < 0 || index >= count)
    throw argument_error(
        "evenly_spaced", "no such position", "last >= 0 and 0 <= index < count",
        "last " + std::to_string(last) + ", index " + std::to_string(index) + ", count " + std::to_string(count));
  if (count == 1) return 0;
  if (index == count - 1) return last;
  return static_cast<isize>(static_cast<double>(last) / static_cast<double>(count - 1) * static_cast<double>(index));
}

/// Samples first ... first + length - 1 of a waveform, as a view.
/// @throws argument_error  when they do not all exist
inline std::span<const float> segment(std::span<const float> waveform, isize first, isize length) {
  if (first < 0 || length < 1 || length > std::ssize(waveform) - first)
    throw argument_error("segment", "outside the waveform", "a part of 0 ... " + std::to_string(waveform.size()),
                         std::to_string(length) + " samples from " + std::to_string(first));
  return waveform.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(length));
}

}  // namespace multifuse
