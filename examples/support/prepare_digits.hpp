#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <Eigen/Eigenvalues>
#include <xtensor/xadapt.hpp>

#include "av_digits.hpp"
#include "media.hpp"
#include "multifuse/core/random.hpp"
#include "wav.hpp"

namespace examples {

/// Pictures, speech and noise of one split, before they are paired.
struct digit_material {
  struct labeled_picture {
    int label;
    std::array<std::uint8_t, 784> pixels;  // [28, 28]
  };
  struct recording {
    int label, speaker;
    std::vector<std::int16_t> samples;  // 8 kHz, at most one second
  };
  std::vector<labeled_picture> pictures = {};
  std::vector<recording> speech = {};
  std::vector<std::vector<std::int16_t>> noise = {};  // of 8000 samples each
};

namespace detail {

inline std::vector<std::int16_t> to_16_bit(std::span<const float> samples) {
  std::vector<std::int16_t> values;
  for (const float x : samples) values.push_back(std::int16_t(std::lround(std::clamp(x, -1.0f, 1.0f) * 32767)));
  return values;
}

/// Mono sound of a file at 8 kHz.
inline std::vector<float> sound_at_8_khz(const std::filesystem::path& path) {
  const sound file = read_wav(path);
  return resample(file.mono(), int(file.sample_rate), 8000);
}

/// Files below a folder with this extension, in the order of their names (which does not depend on the machine).
inline std::vector<std::filesystem::path> files_of(const std::filesystem::path& folder, const std::string& extension) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().extension() == extension) files.push_back(entry.path());
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.filename() < b.filename(); });
  return files;
}

}  // namespace detail

/// Handwritten digits of the UCI set as scikit-learn carries them (8 x 8 pixels from 0 to 16, then the digit, a line
/// each), enlarged to 20 x 20 in the middle of 28 x 28. The first four fifths are "train".
/// @throws file_error  when a line is malformed
inline void read_uci_digits(const std::filesystem::path& path, digit_material& train, digit_material& val) {
  const auto lines = detail::load_lines(path);
  for (std::size_t l = 0; l < lines.size(); ++l) {
    std::istringstream line(lines[l]);
    std::array<double, 65> values{};
    std::size_t count = 0;
    for (std::string cell; std::getline(line, cell, ',') && count < 65;) {
      std::istringstream number(cell);
      if (!(number >> values[count]) || values[count] < 0 || values[count] > 16) break;
      ++count;
    }
    if (count != 65 || values[64] > 9)
      throw multifuse::file_error(path.string(), "malformed line " + std::to_string(l + 1),
                                  "64 pixels 0 ... 16 and a digit", std::to_string(count) + " usable values");
    digit_material::labeled_picture picture{int(values[64]), {}};
    for (int r = 0; r < 20; ++r)
      for (int c = 0; c < 20; ++c) {
        const double y = std::clamp((r + 0.5) * 0.4 - 0.5, 0.0, 7.0), x = std::clamp((c + 0.5) * 0.4 - 0.5, 0.0, 7.0);
        const int y0 = std::min(6, int(y)), x0 = std::min(6, int(x));
        const auto at = [&](int dy, int dx) { return values[std::size_t(8 * (y0 + dy) + x0 + dx)]; };
        const double fy = y - y0, fx = x - x0;
        const double value =
            (1 - fy) * ((1 - fx) * at(0, 0) + fx * at(0, 1)) + fy * ((1 - fx) * at(1, 0) + fx * at(1, 1));
        picture.pixels[std::size_t(28 * (r + 4) + c + 4)] = std::uint8_t(std::lround(value / 16 * 255));
      }
    (5 * l < 4 * lines.size() ? train : val).pictures.push_back(picture);
  }
}

/// Handwritten digits of MNIST in its own format: `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, of which the
/// first 55 000 are "train" and the rest "val".
/// @throws file_error  when a file is missing, malformed or truncated
inline void read_mnist(const std::filesystem::path& folder, digit_material& train, digit_material& val) {
  const multifuse::mapped_file images(folder / "train-images-idx3-ubyte"), labels(folder / "train-labels-idx1-ubyte");
  const auto refuse = [](const multifuse::mapped_file& file, const char* expected) {
    throw multifuse::file_error(file.path().string(), "not of this set", expected,
                                std::to_string(file.bytes().size()) + " bytes");
  };
  constexpr std::size_t count = 60000;
  if (images.bytes().size() != 16 + 784 * count || images.bytes()[3] != std::byte{3}) refuse(images, "60000 pictures");
  if (labels.bytes().size() != 8 + count || labels.bytes()[3] != std::byte{1}) refuse(labels, "60000 labels");
  for (std::size_t i = 0; i < count; ++i) {
    digit_material::labeled_picture picture{int(labels.bytes()[8 + i]), {}};
    if (picture.label > 9) refuse(labels, "digits");
    for (std::size_t p = 0; p < 784; ++p) picture.pixels[p] = std::uint8_t(images.bytes()[16 + 784 * i + p]);
    (i < 55000 ? train : val).pictures.push_back(picture);
  }
}

/// Spoken digits: files `<digit>_<speaker>_<index>.wav` below a folder, silence at both ends cut, then one second at
/// most.
/// @param is_val  which recordings are for "val": called with speaker and index; none is used when it says std::nullopt
/// @throws file_error  when a file is damaged
template <class IsVal>
void read_spoken_digits(const std::filesystem::path& folder, IsVal is_val, digit_material& train, digit_material& val) {
  std::map<std::string, int> speakers;
  for (const auto& path : detail::files_of(folder, ".wav")) {
    const std::string name = path.stem().string();
    const auto first = name.find('_'), last = name.rfind('_');
    if (first != 1 || last <= first || name[0] < '0' || name[0] > '9') continue;
    const std::string speaker = name.substr(2, last - 2);
    const std::optional<bool> for_val = is_val(speaker, std::atoi(name.c_str() + last + 1));
    if (!for_val) continue;
    const auto sound = detail::sound_at_8_khz(path);
    float peak = 0;
    for (const float x : sound) peak = std::max(peak, std::abs(x));
    const auto audible = [&](float x) { return std::abs(x) > 0.01f * peak; };
    const auto begin = std::find_if(sound.begin(), sound.end(), audible);
    const auto end = std::find_if(sound.rbegin(), sound.rend(), audible).base();
    if (peak == 0 || end - begin < 400) continue;  // nothing was said
    const auto length = std::min<std::size_t>(8000, std::size_t(end - begin));
    const int number = speakers.try_emplace(speaker, int(speakers.size())).first->second;
    (*for_val ? val : train).speech.push_back({name[0] - '0', number, detail::to_16_bit(std::span(&*begin, length))});
  }
}

/// Environmental sounds of ESC-10 (Piczak, ACM MM 2015): the loudest second of each file below a folder; folds (the
/// first character of the name) 1 to 3 are "train", 4 is "val".
/// @throws file_error  when a file is damaged
inline void read_noise(const std::filesystem::path& folder, digit_material& train, digit_material& val) {
  for (const auto& path : detail::files_of(folder, ".ogg")) {
    const char fold = path.filename().string()[0];
    if (fold < '1' || fold > '4') continue;
    auto sound = detail::sound_at_8_khz(path);
    if (sound.size() < 8000) sound.resize(8000);
    double best = -1;
    std::size_t best_begin = 0;
    for (std::size_t begin = 0; begin + 8000 <= sound.size(); begin += 800) {
      const double level = detail::root_mean_square(std::span(sound).subspan(begin, 8000));
      if (level > best) best = level, best_begin = begin;
    }
    if (best > 1e-4)
      (fold == '4' ? val : train).noise.push_back(detail::to_16_bit(std::span(sound).subspan(best_begin, 8000)));
  }
}

/// Noise made here, for machines without recordings of it: white, pink, humming, pulsed, and several voices of the
/// split speaking at once, in turn.
/// @throws argument_error  when there is no speech to make babble from
inline void make_noise(digit_material& material, isize count, multifuse::random_key key) {
  if (material.speech.empty())
    throw multifuse::argument_error("make_noise", "no speech for babble", "recordings", "none");
  for (isize i = 0; i < count; ++i) {
    const multifuse::random_key draw = key.split(std::uint64_t(i));
    std::vector<float> y(8000, 0.0f);
    const double pitch = 50 + 150 * multifuse::uniform(draw, 100000), rate = 2 + 8 * multifuse::uniform(draw, 100001);
    double slow = 0;
    for (std::size_t t = 0; t < y.size(); ++t) {
      const double white = multifuse::normal(draw, isize(t)), time = double(t) / 8000;
      slow = 0.97 * slow + 0.25 * white;
      const double turn = 6.283185307179586 * time;
      if (i % 5 == 0) y[t] = float(white);
      if (i % 5 == 1) y[t] = float(slow);
      if (i % 5 == 2)
        y[t] = float(std::sin(pitch * turn) + 0.6 * std::sin(2 * pitch * turn) + 0.4 * std::sin(5 * pitch * turn) +
                     0.2 * white);
      if (i % 5 == 3) y[t] = float(white * std::pow(0.5 + 0.5 * std::cos(rate * turn), 4));
    }
    for (isize voice = 0; i % 5 == 4 && voice < 12; ++voice) {
      const auto& speech =
          material.speech[std::size_t(multifuse::uniform_integer(draw.split(1), voice, std::ssize(material.speech)))];
      const auto begin = multifuse::uniform_integer(draw.split(2), voice, 8000);
      for (std::size_t t = 0; t < speech.samples.size(); ++t) y[(std::size_t(begin) + t) % 8000] += speech.samples[t];
    }
    const double level = detail::root_mean_square(y);
    for (float& x : y) x = float(x * 0.1 / level);
    material.noise.push_back(detail::to_16_bit(y));
  }
}

/// Writes the split `name` of a folder that av_digits reads: `count` pairs of one digit each, pictures and recordings
/// in turn in an order drawn from the key, noise, its shift, the start of the speech and the ratio (-6, 0, 6 dB) at
/// random.
/// @throws argument_error  when some digit has no picture or no recording, or there is no noise
inline void write_digit_split(const std::filesystem::path& folder, const std::string& name,
                              const digit_material& material, isize count, multifuse::random_key key) {
  std::array<std::vector<isize>, 10> pictures, speech;
  const auto shuffled = [&](const auto& items, auto& by_digit, std::uint64_t salt) {
    for (isize i = 0; i < std::ssize(items); ++i) by_digit[std::size_t(items[std::size_t(i)].label)].push_back(i);
    for (std::size_t digit = 0; digit < 10; ++digit) {
      auto& list = by_digit[digit];
      if (list.empty())
        throw multifuse::argument_error("write_digit_split", "material lacks a digit", "all ten",
                                        std::to_string(digit));
      const auto draw = key.split(salt + digit);
      for (isize i = std::ssize(list) - 1; i > 0; --i)
        std::swap(list[std::size_t(i)], list[std::size_t(multifuse::uniform_integer(draw, i, i + 1))]);
    }
  };
  shuffled(material.pictures, pictures, 100);
  shuffled(material.speech, speech, 200);
  if (material.noise.empty())
    throw multifuse::argument_error("write_digit_split", "material lacks noise", "one second", "none");

  std::vector<std::uint8_t> images;
  std::vector<std::int32_t> pairs;
  for (isize i = 0; i < count; ++i) {
    const auto draw = key.split(std::uint64_t(1000 + i));
    const auto digit = std::size_t(i % 10), turn = std::size_t(i / 10);
    const isize picture = pictures[digit][turn % pictures[digit].size()],
                sound = speech[digit][turn % speech[digit].size()];
    const auto& pixels = material.pictures[std::size_t(picture)].pixels;
    images.insert(images.end(), pixels.begin(), pixels.end());
    const auto& recording = material.speech[std::size_t(sound)];
    const auto number = [&](isize which, isize bound) {
      return std::int32_t(multifuse::uniform_integer(draw, which, bound));
    };
    pairs.insert(pairs.end(), {std::int32_t(digit), std::int32_t(i), std::int32_t(sound), recording.speaker,
                               number(0, 8001 - std::ssize(recording.samples)), number(1, std::ssize(material.noise)),
                               number(2, 8000), 6 * number(3, 3) - 6});
  }
  std::vector<std::int16_t> samples, noise;
  std::vector<std::int64_t> offsets{0};
  for (const auto& recording : material.speech) {
    samples.insert(samples.end(), recording.samples.begin(), recording.samples.end());
    offsets.push_back(std::ssize(samples));
  }
  for (const auto& piece : material.noise) noise.insert(noise.end(), piece.begin(), piece.end());
  const auto save = [&](const char* part, const auto& values, std::vector<std::size_t> extents) {
    multifuse::save_npy(folder / (name + part), xt::adapt(values, extents));
  };
  save("_images.npy", images, {std::size_t(count), 28, 28});
  save("_pairs.npy", pairs, {std::size_t(count), 8});
  save("_speech.npy", samples, {samples.size()});
  save("_speech_offsets.npy", offsets, {offsets.size()});
  save("_noise.npy", noise, {material.noise.size(), 8000});
}

/// Writes both splits and the principal components of the training pictures.
/// @throws argument_error  as write_digit_split;  file_error when writing fails
inline void write_av_digits(const std::filesystem::path& folder, const digit_material& train, const digit_material& val,
                            isize train_pairs, isize val_pairs, multifuse::random_key key) {
  std::filesystem::create_directories(folder);
  write_digit_split(folder, "train", train, train_pairs, key.split("train"));
  write_digit_split(folder, "val", val, val_pairs, key.split("val"));
  const isize used = std::min<isize>(std::ssize(train.pictures), 10000);
  Eigen::MatrixXf pixels(used, 784);
  for (isize i = 0; i < used; ++i)
    for (isize p = 0; p < 784; ++p) pixels(i, p) = float(train.pictures[std::size_t(i)].pixels[std::size_t(p)]) / 255;
  const Eigen::RowVectorXf mean = pixels.colwise().mean();
  pixels.rowwise() -= mean;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXf> solver((pixels.transpose() * pixels).eval());
  std::vector<float> basis;
  for (isize k = 0; k < 16; ++k)  // largest first
    for (isize p = 0; p < 784; ++p) basis.push_back(solver.eigenvectors()(p, 783 - k));
  multifuse::save_npy(folder / "pca_basis.npy", xt::adapt(basis, std::vector<std::size_t>{16, 784}));
  multifuse::save_npy(folder / "pca_mean.npy",
                      xt::adapt(std::vector<float>(mean.data(), mean.data() + 784), std::vector<std::size_t>{784}));
}

}  // namespace examples
