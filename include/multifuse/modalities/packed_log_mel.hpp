#pragma once
#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include "multifuse/backend/cpu/fft.hpp"
#include "multifuse/core/error.hpp"
#include "multifuse/modalities/spectrogram.hpp"
#include "multifuse/modalities/waveform.hpp"

namespace multifuse {

/// How "Video Model Zoo" (the audio networks of XDC) makes log-mel energies.
struct packed_log_mel_config {
  double sample_rate = 16000;
  isize frame_length = 256;  ///< samples, and the length of the transform
  isize frame_shift = 160;   ///< samples
  isize bins = 40;
  double scale = 1080674186.348;  ///< of the energies, which compresses for samples in -1 ... 1
};

/// The log-mel front end of "Video Model Zoo": frames under a symmetric Hann window; the power spectrum as its packed
/// real transform holds it, with the energies of both real bins, at 0 and at half the sample rate, added up in bin 0;
/// triangular filters evenly spaced on the mel scale from 0 to half the sample rate, over frequency, with sides at
/// least one bin wide and the sum 1. The filters' grid has one place more than there are bins: the part of a filter
/// that lies on the last place counts in its sum but collects nothing. Scaled energies up to e become energy / e,
/// larger ones their logarithm, so that silence stays finite.
class packed_log_mel {
 public:
  /// Throws argument_error for a configuration that is not positive or has an odd frame length.
  explicit packed_log_mel(const packed_log_mel_config& config = {}) : config_(config) {
    if (config.frame_length < 4 || config.frame_length % 2 != 0 || config.frame_length > 1 << 20 ||
        config.frame_shift < 1 || config.bins < 1 || !(config.sample_rate > 0) || !(config.scale > 0))
      throw argument_error("packed_log_mel", "unusable configuration",
                           "positive numbers, an even frame length of at least 4",
                           std::to_string(config.frame_length) + ", " + std::to_string(config.frame_shift) + ", " +
                               std::to_string(config.bins));
    const double step = 2 * std::numbers::pi / double(config.frame_length - 1);
    for (isize i = 0; i < config.frame_length; ++i) window_.push_back(float(0.5 - 0.5 * std::cos(step * double(i))));
    make_filters();
  }

  /// Frames that lie wholly inside a waveform of so many samples.
  isize frames(isize samples) const {
    return samples < config_.frame_length ? 0 : 1 + (samples - config_.frame_length) / config_.frame_shift;
  }

  /// Waveform [samples] -> [frames, bins]. Throws argument_error for one that is shorter than a frame or not finite.
  spectrogram operator()(std::span<const float> waveform) const {
    require_finite("packed_log_mel", waveform);
    if (std::ssize(waveform) < config_.frame_length)
      throw argument_error("packed_log_mel", "waveform shorter than a frame",
                           "at least " + std::to_string(config_.frame_length) + " samples",
                           std::to_string(waveform.size()));
    spectrogram out(frames(std::ssize(waveform)), config_.bins);
    power_spectrum transform(config_.frame_length);
    std::vector<float> frame(window_.size());
    std::vector<double> spectrum(static_cast<std::size_t>(transform.bins()));
    for (isize f = 0; f < out.frames(); ++f) {
      const auto samples = waveform.subspan(static_cast<std::size_t>(f * config_.frame_shift), frame.size());
      for (std::size_t i = 0; i < frame.size(); ++i) frame[i] = samples[i] * window_[i];
      transform(frame, spectrum);
      spectrum.front() += spectrum.back();
      for (std::size_t b = 0; b < filters_.size(); ++b) {
        double energy = 0;
        for (std::size_t k = 0; k < filters_[b].size(); ++k) energy += filters_[b][k] * spectrum[k];
        energy *= config_.scale;
        out.frame(f)[b] = float(energy > std::numbers::e ? std::log(energy) : energy / std::numbers::e);
      }
    }
    return out;
  }

 private:
  void make_filters() {
    const isize places = config_.frame_length / 2 + 1;
    const double half = config_.sample_rate / 2, spacing = half / double(places);
    const double top = 1127 * std::log(1 + half / 700);
    const auto hertz = [&](isize n) { return 700 * (std::exp(top * double(n) / double(config_.bins + 1) / 1127) - 1); };
    for (isize b = 0; b < config_.bins; ++b) {
      const double center = hertz(b + 1);
      const double left = std::max(center - hertz(b), spacing), right = std::max(hertz(b + 2) - center, spacing);
      std::vector<double> weights;
      double sum = 0;
      for (isize k = 0; k < places; ++k) {
        const double off = double(k) * spacing - center;
        weights.push_back(std::max(0.0, off <= 0 ? 1 + off / left : 1 - off / right));
        sum += weights.back();
      }
      weights.pop_back();
      for (double& weight : weights) weight = sum > 0 ? weight / sum : 0;
      filters_.push_back(std::move(weights));
    }
  }

  packed_log_mel_config config_;
  std::vector<float> window_;                 // [frame length]
  std::vector<std::vector<double>> filters_;  // [bins, half the frame length]
};

}  // namespace multifuse
