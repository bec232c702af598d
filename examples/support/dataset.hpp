#pragma once
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"
#include "multifuse/io/npy.hpp"
#include "multifuse/modalities/log_mel.hpp"

namespace examples {

using multifuse::isize;

/// Labeled items with a picture sequence and a sound each, in plain memory.
struct dataset {
  isize size = 0;                           ///< items
  isize frames = 0, rows = 0, columns = 0;  ///< of an item's video; single pictures have one frame
  isize samples = 0;                        ///< of an item's sound
  double frame_rate = 0, sample_rate = 0;   ///< per second
  std::vector<float> video = {};            ///< [size, frames, rows, columns]
  std::vector<float> audio = {};            ///< [size, samples], mono
  std::vector<int> labels = {};             ///< [size], 0 ... classes.size() - 1
  std::vector<std::string> classes = {};    ///< what the labels mean
  std::vector<int> sources = {};            ///< [size], row of the file that the item comes from

  std::span<const float> video_of(isize item) const {
    return std::span(video).subspan(std::size_t(item * frames * rows * columns), std::size_t(frames * rows * columns));
  }
  std::span<const float> audio_of(isize item) const {
    return std::span(audio).subspan(std::size_t(item * samples), std::size_t(samples));
  }
};

/// Log-mel energies of every item, [size, frames, bins].
struct log_mel_features {
  isize size = 0, frames = 0, bins = 0;
  std::vector<float> values = {};
};

/// Filter bank for the speech of the data sets here: 8 kHz, 26 bins every 10 ms from windows of 25 ms. The floor lies
/// about 40 dB below the energy of a bin for white noise of variance 1, so that silence is not magnified.
constexpr multifuse::log_mel_config speech_log_mel() {
  return {.sample_rate = 8000, .bins = 26, .window = multifuse::window_function::periodic_hamming, .floor = 1e-2};
}

/// Throws argument_error when the sounds are shorter than a window.
inline log_mel_features log_mel_of(const dataset& data, const multifuse::log_mel_config& config = speech_log_mel()) {
  const multifuse::log_mel transform(config);
  log_mel_features features{data.size, transform.frames(data.samples), config.bins, {}};
  features.values.reserve(std::size_t(features.size * features.frames * features.bins));
  for (isize i = 0; i < data.size; ++i) {
    const auto picture = transform(data.audio_of(i));
    features.values.insert(features.values.end(), picture.values().begin(), picture.values().end());
  }
  return features;
}

/// Mean and standard deviation of values: measured on the training set, applied to all.
struct statistics {
  double mean = 0, deviation = 1;

  /// @throws argument_error  for no values
  static statistics of(std::span<const float> values) {
    if (values.empty()) throw multifuse::argument_error("statistics", "no values to measure", "at least one", "none");
    double sum = 0, squares = 0;
    for (const float v : values) sum += v;
    const double mean = sum / double(values.size());
    for (const float v : values) squares += (v - mean) * (v - mean);
    return {mean, std::max(std::sqrt(squares / double(values.size())), 1e-12)};
  }

  void normalize(std::span<float> values) const {
    for (float& v : values) v = float((v - mean) / deviation);
  }
};

namespace detail {

inline double root_mean_square(std::span<const float> values) {
  double sum = 0;
  for (const float v : values) sum += double(v) * v;
  return values.empty() ? 0 : std::sqrt(sum / double(values.size()));
}

/// Array of a data folder with a known rank (and known extents where they are not -1).
template <class T> xt::xarray<T> load_array(const std::filesystem::path& path, const std::vector<isize>& extents) {
  auto array = multifuse::load_npy<T>(path);
  bool fits = array.dimension() == extents.size();
  std::string expected, got;
  for (std::size_t d = 0; d < extents.size(); ++d) {
    fits = fits && (extents[d] < 0 || isize(array.shape(d)) == extents[d]);
    expected += (d ? ", " : "") + (extents[d] < 0 ? std::string("*") : std::to_string(extents[d]));
  }
  for (std::size_t d = 0; d < array.dimension(); ++d) got += (d ? ", " : "") + std::to_string(array.shape(d));
  if (!fits) throw multifuse::file_error(path.string(), "wrong extents", "[" + expected + "]", "[" + got + "]");
  return array;
}

/// Offsets of consecutive pieces: from 0, never falling, up to `total`.
inline std::vector<isize> load_offsets(const std::filesystem::path& path, isize total) {
  const auto array = load_array<std::int64_t>(path, {-1});
  std::vector<isize> offsets(array.begin(), array.end());
  if (offsets.size() < 2 || offsets.front() != 0 || offsets.back() != total ||
      !std::is_sorted(offsets.begin(), offsets.end()))
    throw multifuse::file_error(path.string(), "malformed offsets",
                                "0 ... " + std::to_string(total) + ", never falling", "");
  return offsets;
}

inline std::vector<std::string> load_lines(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw multifuse::file_error(path.string(), "cannot open for reading", "a text file", "");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

}  // namespace detail
}  // namespace examples
