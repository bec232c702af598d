#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include "multifuse/backend/cpu/fft.hpp"
#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"
#include "multifuse/modalities/spectrogram.hpp"
#include "multifuse/modalities/waveform.hpp"

namespace multifuse {

/// Tapering of a frame before its transform; `symmetric` windows reach their end value at both ends.
enum class window_function { rectangular, symmetric_hann, symmetric_hamming, periodic_hann, periodic_hamming };

/// How a waveform becomes log-mel energies. The values written here are those of Kaldi's filter bank, which UAVM,
/// LAVISH and MAViL use; the ordinary log-mel spectrogram of MBT is
/// `{.window = window_function::periodic_hamming, .preemphasis = 0, .remove_frame_mean = false}`.
struct log_mel_config {
  double sample_rate = 16000;  ///< samples per second
  double frame_length_ms = 25;
  double frame_shift_ms = 10;
  isize bins = 128;    ///< triangular filters, evenly spaced in mel = 1127 ln(1 + hertz / 700)
  double low_hz = 20;  ///< left foot of the first filter
  double high_hz = 0;  ///< right foot of the last filter; 0 stands for half the sample rate
  window_function window = window_function::symmetric_hann;
  double preemphasis = 0.97;      ///< x[i] - preemphasis x[i - 1], where x[-1] = x[0]
  bool remove_frame_mean = true;  ///< subtract the mean of each frame first
  bool power = true;              ///< energies of the power spectrum, else of the magnitude spectrum
  double floor = 0x1p-23;         ///< energies below are raised to it before the logarithm

  /// Samples in a frame; a fraction is cut off.
  /// @throws argument_error  when there are fewer than 2 or more than 2^24 (the rest of this configuration as well)
  constexpr isize frame_length() const { return samples(frame_length_ms, 2, "frame length"); }

  /// Samples from one frame to the next, at least 1; a fraction is cut off (5.2 ms at 16 kHz are 83 samples).
  constexpr isize frame_shift() const { return samples(frame_shift_ms, 1, "frame shift"); }

  /// Length of the transform: the power of two at or above the frame.
  constexpr isize points() const { return static_cast<isize>(std::bit_ceil(static_cast<std::size_t>(frame_length()))); }

  /// Frames that lie wholly inside a waveform of so many samples: 0 when it is shorter than a frame.
  constexpr isize frames(isize waveform_samples) const {
    return waveform_samples < frame_length() ? 0 : 1 + (waveform_samples - frame_length()) / frame_shift();
  }

  friend constexpr bool operator==(const log_mel_config&, const log_mel_config&) = default;

 private:
  constexpr isize samples(double milliseconds, isize least, const char* what) const {
    const double count = sample_rate * milliseconds * 0.001;
    if (!(count >= static_cast<double>(least) && count <= 0x1p24))
      throw argument_error("log_mel_config", std::string("unusable ") + what,
                           std::to_string(least) + " ... 16777216 samples", std::to_string(count));
    return static_cast<isize>(count);
  }
};

/// Log-mel front end: waveform -> [frames, bins]. Window and filters are computed once; calls from several threads may
/// share one object.
///
/// Window, filters and frames are evaluated in single precision in the order of torchaudio's `compliance.kaldi.fbank`
/// (the one the papers' authors used): the weights of narrow filters lose digits there, and features that a network
/// was trained on should keep that loss. The transform itself runs in double precision; a single-precision transform
/// adds noise of its own to the logarithm of quiet bins, in proportion to sqrt(energy of the frame / energy of the
/// bin).
class log_mel {
 public:
  /// @throws argument_error  for a configuration without bins, without samples in a frame or between frames, with a
  ///                         band outside 0 ... half the sample rate, or with a floor that has no logarithm
  explicit log_mel(const log_mel_config& config = {}) : config_(checked(config)) {
    make_window();
    make_filters();
  }

  const log_mel_config& config() const { return config_; }

  /// Frames of a waveform of so many samples.
  isize frames(isize samples) const { return config_.frames(samples); }

  /// @param waveform  [samples], at least one frame, all finite
  /// @return          [frames, bins]
  /// @throws argument_error  for a shorter waveform or one that holds NaN or infinity
  spectrogram operator()(std::span<const float> waveform) const {
    require_finite("log_mel", waveform);
    const isize length = config_.frame_length();
    if (std::ssize(waveform) < length)
      throw argument_error("log_mel", "waveform shorter than a frame",
                           "at least " + std::to_string(length) + " samples", std::to_string(waveform.size()));
    spectrogram out(frames(std::ssize(waveform)), config_.bins);
    power_spectrum transform(config_.points());
    std::vector<float> frame(static_cast<std::size_t>(length));
    std::vector<double> spectrum(static_cast<std::size_t>(transform.bins()));
    for (isize f = 0; f < out.frames(); ++f) {
      const auto samples = waveform.subspan(static_cast<std::size_t>(f * config_.frame_shift()), frame.size());
      shape_frame(samples, frame);
      transform(frame, spectrum);
      if (!config_.power)
        for (double& value : spectrum) value = std::sqrt(value);
      const auto row = out.frame(f);
      for (std::size_t b = 0; b < filters_.size(); ++b) row[b] = log_energy(filters_[b], spectrum);
    }
    return out;
  }

 private:
  struct filter {
    std::size_t first = 0;       // bin of the spectrum that weights[0] belongs to
    std::vector<float> weights;  // empty when the triangle falls between two bins
  };

  static log_mel_config checked(log_mel_config config) {
    const auto require = [](bool holds, const char* problem, const char* expected, auto got) {
      if (!holds) throw argument_error("log_mel", problem, expected, std::to_string(got));
    };
    const double half = config.sample_rate / 2;
    if (config.high_hz == 0) config.high_hz = half;
    require(config.sample_rate > 0 && config.sample_rate <= 1e9, "unusable sample rate", "above 0 and at most 1e9 Hz",
            config.sample_rate);
    require(config.bins >= 1 && config.bins <= 65536, "unusable number of bins", "1 ... 65536", config.bins);
    require(config.low_hz >= 0 && config.low_hz < half, "unusable low frequency", "0 ... half the sample rate",
            config.low_hz);
    require(config.high_hz > config.low_hz && config.high_hz <= half, "unusable high frequency",
            "above low_hz, at most half the sample rate", config.high_hz);
    require(std::isfinite(config.preemphasis), "unusable pre-emphasis", "a finite number", config.preemphasis);
    require(config.floor > 0 && std::isfinite(config.floor), "unusable floor", "a positive number", config.floor);
    config.frame_length();
    config.frame_shift();
    return config;
  }

  void make_window() {
    using enum window_function;
    const isize length = config_.frame_length();
    const bool symmetric = config_.window == symmetric_hann || config_.window == symmetric_hamming;
    const bool hann = config_.window == symmetric_hann || config_.window == periodic_hann;
    const double offset = hann ? 0.5 : 0.54;
    const double step = 2 * std::numbers::pi / static_cast<double>(symmetric ? length - 1 : length);
    for (isize i = 0; i < length; ++i) {
      const double taper = offset - (1 - offset) * std::cos(step * static_cast<double>(i));
      window_.push_back(config_.window == rectangular ? 1.0f : static_cast<float>(taper));
    }
  }

  void make_filters() {
    const auto mel = [](double hertz) { return 1127 * std::log(1 + hertz / 700); };
    const auto low = static_cast<float>(mel(config_.low_hz));
    const auto step =
        static_cast<float>((mel(config_.high_hz) - mel(config_.low_hz)) / static_cast<double>(config_.bins + 1));
    const auto hertz_per_bin = static_cast<float>(config_.sample_rate / static_cast<double>(config_.points()));
    // The bin at half the sample rate is left out: it could only touch the foot of the last triangle.
    std::vector<float> bin_mel;
    for (isize k = 0; k < config_.points() / 2; ++k)
      bin_mel.push_back(1127.0f * std::log(1.0f + hertz_per_bin * static_cast<float>(k) / 700.0f));
    filters_.resize(static_cast<std::size_t>(config_.bins));
    for (std::size_t b = 0; b < filters_.size(); ++b) {
      const float left = low + static_cast<float>(b) * step;
      const float center = low + (static_cast<float>(b) + 1.0f) * step;
      const float right = low + (static_cast<float>(b) + 2.0f) * step;
      filter& triangle = filters_[b];
      for (std::size_t k = 0; k < bin_mel.size(); ++k) {
        const float weight = std::min((bin_mel[k] - left) / (center - left), (right - bin_mel[k]) / (right - center));
        if (!(weight > 0)) continue;
        if (triangle.weights.empty()) triangle.first = k;
        triangle.weights.push_back(weight);
      }
    }
  }

  void shape_frame(std::span<const float> samples, std::span<float> frame) const {
    float mean = 0;
    if (config_.remove_frame_mean) {
      double sum = 0;
      for (float sample : samples) sum += sample;
      mean = static_cast<float>(sum / static_cast<double>(samples.size()));
    }
    const auto preemphasis = static_cast<float>(config_.preemphasis);
    float previous = samples[0] - mean;
    for (std::size_t i = 0; i < frame.size(); ++i) {
      const float sample = samples[i] - mean;
      frame[i] = (sample - preemphasis * previous) * window_[i];
      previous = sample;
    }
  }

  float log_energy(const filter& triangle, std::span<const double> spectrum) const {
    double energy = 0;
    for (std::size_t i = 0; i < triangle.weights.size(); ++i)
      energy += static_cast<double>(triangle.weights[i]) * spectrum[triangle.first + i];
    return static_cast<float>(std::log(std::max(energy, config_.floor)));
  }

  log_mel_config config_;
  std::vector<float> window_;    // [frame length]
  std::vector<filter> filters_;  // [bins]
};

}  // namespace multifuse
