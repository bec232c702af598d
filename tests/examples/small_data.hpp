#pragma once
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <xtensor/xadapt.hpp>

#include "multifuse/io/npy.hpp"
#include "support/find_data.hpp"

/// What the tests of the examples share: folders that vanish, and data sets small enough to reason about.
namespace small_data {

/// An empty folder for as long as the object lives.
class temporary_folder {
 public:
  temporary_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "multifuse_test_XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class T>
void save(const std::filesystem::path& path, const std::vector<T>& values, std::vector<std::size_t> extents) {
  multifuse::save_npy(path, xt::adapt(values, extents));
}

/// The real data, where they are; says that the rest of the test is skipped otherwise.
inline std::optional<examples::data_location> real_data() {
  std::ostringstream log;
  try {
    return examples::find_data({.may_make = false}, log);
  } catch (const std::exception&) {
    MESSAGE("skipped: part of the test needs the data folder");
    return {};
  }
}

/// Three seconds of tones as noise for both splits, row i a sine of 100 (i + 1) Hz.
inline void write_noise(const std::filesystem::path& folder) {
  std::vector<std::int16_t> noise;
  for (int row = 0; row < 3; ++row)
    for (int t = 0; t < 8000; ++t)
      noise.push_back(std::int16_t(8000 * std::sin(6.283185307 * 100 * (row + 1) * t / 8000)));
  for (const char* split : {"train", "val"}) save(folder / (std::string(split) + "_noise.npy"), noise, {3, 8000});
}

/// Two sentences of 20 and 15 frames; every pixel of frame f is f, every sample of it has mu-law code f + 1. The six
/// words last two frames each, one after the other, from the third frame on; sentence u says the u-th word of each
/// place.
inline void write_grid(const std::filesystem::path& folder) {
  std::vector<std::uint8_t> video, audio;
  std::vector<std::int32_t> words;
  for (int f = 0; f < 35; ++f) {
    video.insert(video.end(), 24 * 32, std::uint8_t(f));
    audio.insert(audio.end(), 320, std::uint8_t(f + 1));
  }
  const int first[] = {0, 4, 8, 12, 37, 47};
  for (int u = 0; u < 2; ++u)
    for (int w = 0; w < 6; ++w) words.insert(words.end(), {first[w] + u, 320 * (2 + 2 * w), 320 * (4 + 2 * w)});
  std::vector<std::int16_t> table;
  for (int code = 0; code < 256; ++code) table.push_back(std::int16_t(100 * code - 12800));
  save(folder / "train_video.npy", video, {35, 24, 32});
  save(folder / "train_audio_ulaw.npy", audio, {35 * 320});
  save(folder / "train_offsets.npy", std::vector<std::int64_t>{0, 20, 35}, {3});
  save(folder / "train_words.npy", words, {2, 6, 3});
  save(folder / "ulaw_decode.npy", table, {256});
  std::string vocabulary;
  for (int i = 0; i < 51; ++i) vocabulary += "word" + std::to_string(i) + "\n";
  write_text(folder / "vocab.txt", vocabulary);
}

/// Twenty pairs, two of each digit. Picture i has one white pixel at i; recording d (2000 samples) is a square wave of
/// amplitude 100 (d + 1); the speech starts at sample 500, in noise i % 3 shifted by i, at -6, 0 and 6 dB in turn. The
/// principal components are pixels 0 to 15.
inline void write_digits(const std::filesystem::path& folder) {
  write_noise(folder);
  std::vector<std::uint8_t> images(20 * 784);
  std::vector<std::int32_t> pairs;
  std::vector<std::int16_t> speech;
  std::vector<std::int64_t> offsets{0};
  for (int i = 0; i < 20; ++i) {
    images[std::size_t(784 * i + i)] = 255;
    pairs.insert(pairs.end(), {i % 10, i, i % 10, 0, 500, i % 3, i, 6 * (i % 3) - 6});
  }
  for (int d = 0; d < 10; ++d) {
    for (int t = 0; t < 2000; ++t) speech.push_back(std::int16_t(t / 20 % 2 ? 100 * (d + 1) : -100 * (d + 1)));
    offsets.push_back(std::ssize(speech));
  }
  std::vector<float> basis(16 * 784);
  for (std::size_t k = 0; k < 16; ++k) basis[784 * k + k] = 1;
  for (const char* split : {"train", "val"}) {
    const std::string prefix = split;
    save(folder / (prefix + "_images.npy"), images, {20, 28, 28});
    save(folder / (prefix + "_pairs.npy"), pairs, {20, 8});
    save(folder / (prefix + "_speech.npy"), speech, {20000});
    save(folder / (prefix + "_speech_offsets.npy"), offsets, {11});
  }
  save(folder / "pca_mean.npy", std::vector<float>(784, 0.25f), {784});
  save(folder / "pca_basis.npy", basis, {16, 784});
}

}  // namespace small_data
