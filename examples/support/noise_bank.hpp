#pragma once
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataset.hpp"
#include "multifuse/core/random.hpp"

namespace examples {

/// One-second pieces of environmental noise at 8 kHz, from the folder of spoken digits.
class noise_bank {
 public:
  static constexpr isize length = 8000;

  /// @param folder  of the digits (`av_digits`)
  /// @param split   "train" or "val"; the recordings of one split are never in the other
  /// @throws file_error  when the file is missing or malformed, or a piece is silent
  noise_bank(const std::filesystem::path& folder, std::string_view split) {
    const auto path = folder / (std::string(split) + "_noise.npy");
    const auto array = detail::load_array<std::int16_t>(path, {-1, length});
    samples_.assign(array.begin(), array.end());
    for (isize i = 0; i < size(); ++i)
      if (!(detail::root_mean_square(piece(i)) > 0))
        throw multifuse::file_error(path.string(), "silent noise", "sound", "zeros in row " + std::to_string(i));
    if (samples_.empty()) throw multifuse::file_error(path.string(), "no noise", "at least one row", "0");
  }

  isize size() const { return std::ssize(samples_) / length; }

  /// [8000], in the units of 16-bit samples.
  std::span<const float> piece(isize i) const {
    return std::span(samples_).subspan(std::size_t(i * length), std::size_t(length));
  }

  /// Adds a piece, begun at a random sample and continued around its end, to the speech. It is scaled so that power of
  /// speech over power of noise, each over the whole span, is `snr_db` decibels. Piece and beginning depend on the key
  /// alone.
  /// @throws argument_error  for silent speech or a ratio that is not finite
  void mix(std::span<float> speech, double snr_db, multifuse::random_key key) const {
    const double level = detail::root_mean_square(speech);
    if (!(level > 0) || !std::isfinite(snr_db))
      throw multifuse::argument_error("noise_bank::mix", "no ratio to reach", "audible speech and a finite ratio",
                                      "level " + std::to_string(level) + ", ratio " + std::to_string(snr_db) + " dB");
    const auto noise = piece(multifuse::uniform_integer(key, 0, size()));
    const isize begin = multifuse::uniform_integer(key, 1, length);
    std::vector<float> excerpt(speech.size());
    for (std::size_t t = 0; t < excerpt.size(); ++t) excerpt[t] = noise[std::size_t((begin + isize(t)) % length)];
    const double noise_level = detail::root_mean_square(excerpt);
    if (!(noise_level > 0)) return;  // a pause in the noise
    const auto gain = float(level / noise_level * std::pow(10, -snr_db / 20));
    for (std::size_t t = 0; t < excerpt.size(); ++t) speech[t] += gain * excerpt[t];
  }

 private:
  std::vector<float> samples_;  // [size, length]
};

}  // namespace examples
