#pragma once
#include <sndfile.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"

namespace examples {

using multifuse::isize;

/// Sound from a file: [samples, channels], full scale is -1 ... 1.
struct sound {
  double sample_rate = 0;
  isize channels = 0;
  std::vector<float> samples = {};

  isize length() const { return channels == 0 ? 0 : std::ssize(samples) / channels; }

  /// Mean over the channels, [samples].
  std::vector<float> mono() const {
    std::vector<float> mean(static_cast<std::size_t>(length()));
    for (std::size_t t = 0; t < mean.size(); ++t) {
      float sum = 0;
      for (isize c = 0; c < channels; ++c) sum += samples[t * std::size_t(channels) + std::size_t(c)];
      mean[t] = sum / float(channels);
    }
    return mean;
  }
};

/// Reads a sound file (WAV, FLAC, Ogg Vorbis: whatever libsndfile knows).
/// @throws file_error  when the file is missing, of no known format, truncated, holds samples that are not finite, or
///                     claims to be longer than `longest` samples
inline sound read_wav(const std::filesystem::path& path, isize longest = isize{1} << 28) {
  using multifuse::file_error;
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file(sf_open(path.c_str(), SFM_READ, &info), sf_close);
  if (!file) throw file_error(path.string(), "cannot be read as a sound", "", sf_strerror(nullptr));
  const isize channels = info.channels, frames = isize(info.frames);
  if (channels < 1 || channels > 64 || info.samplerate < 1)
    throw file_error(path.string(), "unusable sound format", "1 ... 64 channels and a positive sample rate",
                     std::to_string(channels) + " channels at " + std::to_string(info.samplerate) + " Hz");
  if (frames < 0 || frames > longest / channels)
    throw file_error(path.string(), "sound too long", "at most " + std::to_string(longest) + " samples",
                     std::to_string(frames) + " frames of " + std::to_string(channels));

  // libsndfile silently shortens a truncated WAV, so the length that its first bytes announce is compared here
  std::error_code failure;
  const auto bytes = std::filesystem::file_size(path, failure);
  char head[8] = {};
  std::ifstream(path, std::ios::binary).read(head, sizeof head);
  if (!failure && std::memcmp(head, "RIFF", 4) == 0) {
    std::uint64_t announced = 8;
    for (int b = 0; b < 4; ++b) announced += std::uint64_t(static_cast<unsigned char>(head[4 + b])) << (8 * b);
    if (announced > bytes)
      throw file_error(path.string(), "truncated", std::to_string(announced) + " bytes",
                       std::to_string(bytes) + " bytes");
  }

  sound result{double(info.samplerate), channels, std::vector<float>(std::size_t(frames * channels))};
  const sf_count_t read = sf_readf_float(file.get(), result.samples.data(), sf_count_t(frames));
  if (isize(read) != frames)
    throw file_error(path.string(), "truncated or damaged", std::to_string(frames) + " samples", std::to_string(read));
  for (const float x : result.samples)
    if (!std::isfinite(x)) throw file_error(path.string(), "holds a sample that is not finite", "finite samples", "");
  return result;
}

/// Writes mono sound as 16-bit WAV, clipped at full scale.
/// @throws file_error  when the path is not writable or the disk is full
inline void write_wav(const std::filesystem::path& path, const std::vector<float>& samples, int sample_rate) {
  SF_INFO info{};
  info.samplerate = sample_rate;
  info.channels = 1;
  info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  const std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file(sf_open(path.c_str(), SFM_WRITE, &info), sf_close);
  if (!file) throw multifuse::file_error(path.string(), "cannot be written as a sound", "", sf_strerror(nullptr));
  sf_command(file.get(), SFC_SET_CLIPPING, nullptr, SF_TRUE);
  if (sf_write_float(file.get(), samples.data(), sf_count_t(samples.size())) != sf_count_t(samples.size()))
    throw multifuse::file_error(path.string(), "cannot be written in full", "", sf_strerror(file.get()));
}

}  // namespace examples
