#pragma once
#include <algorithm>
#include <concepts>
#include <span>
#include <string>

#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"

// Augmentations of features [frames, bins] in place: of a spectrogram, or of any other sequence of vectors.
namespace multifuse {

/// Source of uniform random numbers in [0, 1).
template <class Draw>
concept uniform_draw = requires(Draw& draw) {
  { draw() } -> std::convertible_to<double>;
};

namespace detail {

inline isize frame_count(const char* where, std::span<const float> values, isize bins) {
  if (bins < 1 || std::ssize(values) % bins != 0)
    throw shape_error(where, "values are not whole frames", "a multiple of the bins",
                      std::to_string(values.size()) + " values, " + std::to_string(bins) + " bins");
  return std::ssize(values) / bins;
}

inline void check_band(const char* where, isize first, isize count, isize extent) {
  if (first < 0 || count < 0 || count > extent - first)
    throw argument_error(where, "mask outside the axis", "a part of 0 ... " + std::to_string(extent),
                         std::to_string(count) + " from " + std::to_string(first));
}

}  // namespace detail

/// Overwrites frames first ... first + count - 1 with `fill`.
/// @param values  [frames, bins]
/// @throws shape_error, argument_error  when the values are not whole frames, or the mask leaves the axis
inline void mask_frames(std::span<float> values, isize bins, isize first, isize count, float fill = 0) {
  detail::check_band("mask_frames", first, count, detail::frame_count("mask_frames", values, bins));
  const auto begin = values.begin() + first * bins;
  std::fill(begin, begin + count * bins, fill);
}

/// Overwrites bins first ... first + count - 1 of every frame with `fill`; the rest as `mask_frames`.
inline void mask_bins(std::span<float> values, isize bins, isize first, isize count, float fill = 0) {
  const isize frames = detail::frame_count("mask_bins", values, bins);
  detail::check_band("mask_bins", first, count, bins);
  for (isize f = 0; f < frames; ++f) {
    const auto begin = values.begin() + f * bins + first;
    std::fill(begin, begin + count, fill);
  }
}

/// Rotates along time: frame f moves to frame (f + shift) modulo the number of frames. Any shift, negative too.
/// @param values  [frames, bins]
/// @throws shape_error  when the values are not whole frames
inline void roll_frames(std::span<float> values, isize bins, isize shift) {
  const isize frames = detail::frame_count("roll_frames", values, bins);
  if (frames == 0) return;
  const isize forward = (shift % frames + frames) % frames;
  std::rotate(values.begin(), values.end() - forward * bins, values.end());
}

/// SpecAugment: how many masks on each axis, and how wide they may become. UAVM's extractor uses `{1, 48, 1, 192}`, MBT
/// `{1, 48, 4, 48}`.
struct spec_augment_config {
  isize bin_masks = 1, widest_bin_mask = 48;
  isize frame_masks = 1, widest_frame_mask = 192;
  float fill = 0;

  friend constexpr bool operator==(const spec_augment_config&, const spec_augment_config&) = default;
};

/// Masks random bands of bins, then random stretches of frames (Park et al., "SpecAugment", Interspeech 2019, without
/// the warping). The width is uniform in 0 ... widest (at most the axis), the start uniform among the places where it
/// fits. Draws two numbers per mask, width before start.
/// @param values  [frames, bins]
/// @throws shape_error, argument_error  when the values are not whole frames, a setting is negative, or a draw leaves
///                                      [0, 1)
template <uniform_draw Draw>
void spec_augment(std::span<float> values, isize bins, const spec_augment_config& config, Draw&& draw) {
  const isize frames = detail::frame_count("spec_augment", values, bins);
  if (config.bin_masks < 0 || config.widest_bin_mask < 0 || config.frame_masks < 0 || config.widest_frame_mask < 0)
    throw argument_error("spec_augment", "negative setting", "counts and widths of 0 or more", "a negative one");
  const auto below = [&draw](isize bound) {  // uniform integer in 0 ... bound - 1
    const double u = static_cast<double>(draw());
    if (!(u >= 0 && u < 1)) throw argument_error("spec_augment", "unusable draw", "0 <= u < 1", std::to_string(u));
    return std::min(static_cast<isize>(u * static_cast<double>(bound)), bound - 1);
  };
  for (isize mask = 0; mask < config.bin_masks; ++mask) {
    const isize count = below(std::min(config.widest_bin_mask, bins) + 1);
    mask_bins(values, bins, below(bins - count + 1), count, config.fill);
  }
  for (isize mask = 0; mask < config.frame_masks; ++mask) {
    const isize count = below(std::min(config.widest_frame_mask, frames) + 1);
    mask_frames(values, bins, below(frames - count + 1), count, config.fill);
  }
}

}  // namespace multifuse
