#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "dataset.hpp"
#include "multifuse/core/random.hpp"
#include "noise_bank.hpp"

namespace examples {

/// What the items of the digits are made of.
struct digit_options {
  bool degrade_pictures = true;  ///< keep four principal components of the picture, about a quarter of its variance
  bool noise = true;             ///< add each pair's noise at each pair's ratio (-6, 0 or 6 dB)
};

/// Label that depends on both digits of a pair, so that no sum of a score of one and a score of the other gives it.
enum class digit_relation { same_digit, sum_modulo_10 };

/// Handwritten digits paired with spoken ones: a picture of 28 x 28 and one second of sound at 8 kHz.
class av_digits {
 public:
  static constexpr isize rows = 28, columns = 28, samples = 8000;

  /// @param folder  with `<split>_images.npy` and its companions
  /// @param split   "train" or "val"
  /// @throws file_error  when a file is missing, malformed, or does not fit the others
  av_digits(const std::filesystem::path& folder, std::string_view split) : noise_(folder, split) {
    const std::string prefix(split);
    const auto path = folder / (prefix + "_pairs.npy");
    const auto images = detail::load_array<std::uint8_t>(folder / (prefix + "_images.npy"), {-1, rows, columns});
    images_.assign(images.begin(), images.end());
    const auto pairs = detail::load_array<std::int32_t>(path, {isize(images.shape(0)), 8});
    const auto speech = detail::load_array<std::int16_t>(folder / (prefix + "_speech.npy"), {-1});
    speech_.assign(speech.begin(), speech.end());
    recordings_ = detail::load_offsets(folder / (prefix + "_speech_offsets.npy"), std::ssize(speech_));
    const auto mean = detail::load_array<float>(folder / "pca_mean.npy", {rows * columns});
    const auto basis = detail::load_array<float>(folder / "pca_basis.npy", {-1, rows * columns});
    mean_.assign(mean.begin(), mean.end());
    basis_.assign(basis.begin(), basis.end());
    if (basis.shape(0) < components)
      throw multifuse::file_error((folder / "pca_basis.npy").string(), "too few components", std::to_string(components),
                                  std::to_string(basis.shape(0)));
    for (isize i = 0; i < isize(pairs.shape(0)); ++i) {
      const pair entry{pairs(i, 0), pairs(i, 1), pairs(i, 2),        pairs(i, 4),
                       pairs(i, 5), pairs(i, 6), double(pairs(i, 7))};
      const bool inside = entry.label >= 0 && entry.label < 10 && entry.image >= 0 &&
                          entry.image < isize(images.shape(0)) && entry.recording >= 0 &&
                          entry.recording + 1 < std::ssize(recordings_) && entry.begin >= 0 && entry.noise >= 0 &&
                          entry.noise < noise_.size() && entry.shift >= 0 && entry.shift < samples;
      if (!inside || entry.begin + recording(entry.recording).size() > std::size_t(samples) ||
          !(detail::root_mean_square(recording(entry.recording)) > 0))
        throw multifuse::file_error(path.string(), "malformed pair", "a label, rows and a start that exist",
                                    "row " + std::to_string(i));
      pairs_.push_back(entry);
    }
  }

  isize size() const { return std::ssize(pairs_); }

  /// The pairs as they are stored, labeled with their digit.
  dataset pairs(const digit_options& options = {}) const {
    dataset set = empty_set(digit_names());
    for (isize i = 0; i < size(); ++i) append(set, i, i, pairs_[std::size_t(i)].label, options);
    return set;
  }

  /// As many items as there are pairs: picture of the first, sound (with its noise) of another chosen by the key, and a
  /// label that says how their digits relate. Half of the items hold the same digit for `same_digit`; the ten sums are
  /// about equally frequent.
  dataset related(digit_relation relation, multifuse::random_key key, const digit_options& options = {}) const {
    const bool same = relation == digit_relation::same_digit;
    dataset set = empty_set(same ? std::vector<std::string>{"different", "same"} : digit_names());
    std::array<std::vector<isize>, 10> of_digit;
    for (isize i = 0; i < size(); ++i) of_digit[std::size_t(pairs_[std::size_t(i)].label)].push_back(i);
    for (isize i = 0; i < size(); ++i) {
      const int digit = pairs_[std::size_t(i)].label;
      const multifuse::random_key draw = key.split(std::uint64_t(i));
      int other = int(multifuse::uniform_integer(draw, 0, 10));
      if (same && i % 2 == 0) other = digit;
      if (same && i % 2 == 1) other = (digit + 1 + int(multifuse::uniform_integer(draw, 0, 9))) % 10;
      const auto& choices = of_digit[std::size_t(other)];
      if (choices.empty())
        throw multifuse::argument_error("av_digits::related", "no sound of a digit", "all ten", std::to_string(other));
      const isize sound = choices[std::size_t(multifuse::uniform_integer(draw, 1, std::ssize(choices)))];
      append(set, i, sound, same ? int(other == digit) : (digit + other) % 10, options);
    }
    return set;
  }

 private:
  struct pair {
    int label;
    isize image, recording, begin, noise, shift;
    double snr_db;
  };
  static constexpr isize components = 4;

  static std::vector<std::string> digit_names() { return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}; }

  dataset empty_set(std::vector<std::string> classes) const {
    return {.frames = 1,
            .rows = rows,
            .columns = columns,
            .samples = samples,
            .frame_rate = 1,
            .sample_rate = 8000,
            .classes = std::move(classes)};
  }

  std::span<const float> recording(isize r) const {
    const auto begin = std::size_t(recordings_[std::size_t(r)]), end = std::size_t(recordings_[std::size_t(r) + 1]);
    return std::span(speech_).subspan(begin, end - begin);
  }

  void append(dataset& set, isize picture, isize sound, int label, const digit_options& options) const {
    append_picture(set, pairs_[std::size_t(picture)], options);
    append_sound(set, pairs_[std::size_t(sound)], options);
    set.labels.push_back(label);
    set.sources.push_back(int(picture));
    ++set.size;
  }

  /// Pixels from 0 to 1; degraded: the mean plus the projection on the first components, not clipped.
  void append_picture(dataset& set, const pair& entry, const digit_options& options) const {
    constexpr auto count = std::size_t(rows * columns);
    std::array<float, count> x;
    for (std::size_t p = 0; p < count; ++p) x[p] = float(images_[std::size_t(entry.image) * count + p]) / 255;
    if (options.degrade_pictures) {
      std::array<float, count> kept;
      std::copy(mean_.begin(), mean_.end(), kept.begin());
      for (std::size_t k = 0; k < std::size_t(components); ++k) {
        const float* direction = basis_.data() + k * count;
        double along = 0;
        for (std::size_t p = 0; p < count; ++p) along += double(x[p] - mean_[p]) * direction[p];
        for (std::size_t p = 0; p < count; ++p) kept[p] += float(along) * direction[p];
      }
      x = kept;
    }
    set.video.insert(set.video.end(), x.begin(), x.end());
  }

  /// Speech of root mean square 1, measured over the recording, begun at the pair's sample, in the pair's noise.
  void append_sound(dataset& set, const pair& entry, const digit_options& options) const {
    const auto speech = recording(entry.recording);
    const double level = detail::root_mean_square(speech);
    std::vector<float> y(std::size_t(samples), 0.0f);
    if (options.noise) {
      const auto noise = noise_.piece(entry.noise);
      const double gain = level / detail::root_mean_square(noise) * std::pow(10, -entry.snr_db / 20);
      for (isize t = 0; t < samples; ++t)
        y[std::size_t(t)] = float(gain * noise[std::size_t((t + entry.shift) % samples)]);
    }
    for (std::size_t t = 0; t < speech.size(); ++t) y[std::size_t(entry.begin) + t] += speech[t];
    for (float& value : y) value = float(value / level);
    set.audio.insert(set.audio.end(), y.begin(), y.end());
  }

  noise_bank noise_;
  std::vector<std::uint8_t> images_;  // [pictures, rows, columns]
  std::vector<float> speech_;         // recordings one after the other, 16-bit units
  std::vector<isize> recordings_;     // [recordings + 1], first sample of each
  std::vector<float> mean_, basis_;   // [784], [components, 784]
  std::vector<pair> pairs_;
};

}  // namespace examples
