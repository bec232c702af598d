#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include <xtensor/xadapt.hpp>

#include "av_grid.hpp"
#include "media.hpp"
#include "svg.hpp"

namespace examples {
namespace detail {

/// Words of the GRID sentences, in the order of av_grid's labels.
inline constexpr std::array<const char*, 51> grid_vocabulary{
    "bin", "lay",   "place", "set",  "blue", "green", "red",   "white", "at",    "by",  "in",     "with", "a",
    "b",   "c",     "d",     "e",    "f",    "g",     "h",     "i",     "j",     "k",   "l",      "m",    "n",
    "o",   "p",     "q",     "r",    "s",    "t",     "u",     "v",     "x",     "y",   "z",      "zero", "one",
    "two", "three", "four",  "five", "six",  "seven", "eight", "nine",  "again", "now", "please", "soon"};

/// Sample that byte `code` of G.711 mu-law stands for.
inline std::int16_t ulaw_decode(std::uint8_t code) {
  const int bits = ~code & 0xFF;
  const int magnitude = ((((bits & 0x0F) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84;
  return std::int16_t(bits & 0x80 ? -magnitude : magnitude);
}

/// Byte whose sample is the nearest.
inline std::uint8_t ulaw_encode(int sample) {
  int best = 0;
  for (int code = 1; code < 256; ++code)
    if (std::abs(ulaw_decode(std::uint8_t(code)) - sample) < std::abs(ulaw_decode(std::uint8_t(best)) - sample))
      best = code;
  return std::uint8_t(best);
}

/// One sentence as it comes: a gray clip of 360 x 288 at 25 frames a second, and its six words in units of 40
/// microseconds (1000 a frame).
struct grid_sentence {
  std::string name;
  std::array<std::int32_t, 6> ids;
  std::array<double, 6> begin, end;  // frames
  clip recording;

  /// @throws file_error  when clip or transcript is damaged or not of this kind
  grid_sentence(const std::filesystem::path& video, const std::filesystem::path& transcript)
      : name(video.stem().string()),
        recording(decode_clip(video, {.rows = 288, .columns = 360, .frames_per_second = 25, .sample_rate = 8000})) {
    std::ifstream file(transcript);
    std::string text;
    std::size_t count = 0;
    for (double from = 0, to = 0; file >> from >> to >> text;) {
      if (text == "sil" || text == "sp") continue;
      const auto known = std::find(grid_vocabulary.begin(), grid_vocabulary.end(), text);
      if (count == 6 || known == grid_vocabulary.end() || !(from >= 0 && from < to && to <= 76000))
        throw multifuse::file_error(transcript.string(), "not a transcript of this corpus",
                                    "six words with their times", text);
      ids[count] = std::int32_t(known - grid_vocabulary.begin());
      begin[count] = from / 1000;
      end[count++] = to / 1000;
    }
    if (count != 6)
      throw multifuse::file_error(transcript.string(), "not a transcript of this corpus", "six words",
                                  std::to_string(count));
    if (last_frame() - first_frame() < 12)
      throw multifuse::file_error(video.string(), "too short for its transcript", "12 frames of speech",
                                  std::to_string(recording.frames) + " frames in all");
  }

  isize first_frame() const { return std::max<isize>(0, isize(std::floor(begin[0] - 2))); }
  isize last_frame() const { return std::min<isize>(recording.frames, isize(std::ceil(end[5] + 2))); }

  /// Mean of 2 x 2 pixels at half resolution, over the frames of the speech, [144, 180].
  std::vector<float> mean_picture() const {
    std::vector<float> mean(144 * 180, 0.0f);
    for (isize f = first_frame(); f < last_frame(); ++f)
      for (isize r = 0; r < 288; ++r)
        for (isize c = 0; c < 360; ++c)
          mean[std::size_t(r / 2 * 180 + c / 2)] += recording.pixels[std::size_t((f * 288 + r) * 360 + c)];
    for (float& value : mean) value /= 4 * float(std::max<isize>(1, last_frame() - first_frame()));
    return mean;
  }
};

/// Where the mouth of the one speaker is: the nose and what surrounds it, in a sentence whose mouth is known, are
/// sought in the others by normalized correlation, and the mouth moves with them.
class mouth_finder {
 public:
  /// Top left corner of the mouth box (64 x 48 pixels) in the reference, at half resolution.
  static constexpr isize reference_row = 98, reference_column = 64;
  static constexpr const char* reference_name = "bbaf4p";

  explicit mouth_finder(const grid_sentence& reference) : template_(patch(reference.mean_picture(), 0, 0)) {}

  struct box {
    isize row, column;  // pixels of the full picture
    double correlation;
  };

  box find(const grid_sentence& sentence) const {
    const auto picture = sentence.mean_picture();
    box best{0, 0, -2};
    for (isize dy = -reach; dy <= reach; ++dy)
      for (isize dx = -reach; dx <= reach; ++dx) {
        const auto candidate = patch(picture, dy, dx);
        double product = 0;
        for (std::size_t i = 0; i < candidate.size(); ++i) product += double(candidate[i]) * template_[i];
        if (product > best.correlation) best = {2 * (reference_row + dy), 2 * (reference_column + dx), product};
      }
    return best;
  }

 private:
  static constexpr isize reach = 14, height = 36, width = 52;  // half-resolution pixels

  /// From below the eyes to the upper lip, moved by (dy, dx), with mean 0 and length 1.
  static std::vector<float> patch(const std::vector<float>& picture, isize dy, isize dx) {
    std::vector<float> values;
    const isize top = reference_row - 28 + dy, left = reference_column - 10 + dx;
    double sum = 0, squares = 0;
    for (isize r = 0; r < height; ++r)
      for (isize c = 0; c < width; ++c) {
        values.push_back(picture[std::size_t((top + r) * 180 + left + c)]);
        sum += values.back();
      }
    for (float& v : values) v -= float(sum / double(values.size())), squares += double(v) * v;
    for (float& v : values) v = squares > 0 ? float(v / std::sqrt(squares)) : 0;
    return values;
  }

  std::vector<float> template_;
};

/// What one split holds before it is written.
struct grid_split {
  std::vector<std::uint8_t> video, audio;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> words;
  std::string names;

  void append(const grid_sentence& sentence, const mouth_finder::box& mouth) {
    const isize first = sentence.first_frame(), last = sentence.last_frame();
    const auto& pixels = sentence.recording.pixels;
    for (isize f = first; f < last; ++f)
      for (isize r = 0; r < av_grid::rows; ++r)
        for (isize c = 0; c < av_grid::columns; ++c) {
          const std::size_t at = std::size_t((f * 288 + mouth.row + 2 * r) * 360 + mouth.column + 2 * c);
          video.push_back(std::uint8_t((pixels[at] + pixels[at + 1] + pixels[at + 360] + pixels[at + 361] + 2) / 4));
        }
    const auto& sound = sentence.recording.audio;
    for (isize t = first * av_grid::samples_per_frame; t < last * av_grid::samples_per_frame; ++t)
      audio.push_back(ulaw_encode(t < std::ssize(sound) ? int(std::lround(sound[std::size_t(t)] * 32767)) : 0));
    offsets.push_back(offsets.back() + last - first);
    names += sentence.name;
    for (std::size_t w = 0; w < 6; ++w) {
      const auto sample = [&](double frame) {
        return std::int32_t(std::lround((frame - double(first)) * double(av_grid::samples_per_frame)));
      };
      words.insert(words.end(), {sentence.ids[w], sample(sentence.begin[w]), sample(sentence.end[w])});
      names += std::string(" ") + grid_vocabulary[std::size_t(sentence.ids[w])];
    }
    names += '\n';
  }

  void write(const std::filesystem::path& folder, const std::string& split) const {
    const std::size_t frames = video.size() / std::size_t(av_grid::rows * av_grid::columns);
    const auto save = [&](const char* name, const auto& values, std::vector<std::size_t> extents) {
      multifuse::save_npy(folder / (split + name), xt::adapt(values, extents));
    };
    save("_video.npy", video, {frames, std::size_t(av_grid::rows), std::size_t(av_grid::columns)});
    save("_audio_ulaw.npy", audio, {audio.size()});
    save("_offsets.npy", offsets, {offsets.size()});
    save("_words.npy", words, {offsets.size() - 1, 6, 3});
    multifuse::atomic_file file(folder / (split + "_utterances.txt"));
    file.write(names);
    file.commit();
  }
};

}  // namespace detail

/// Makes a folder that av_grid reads from the clips (`*.mpg`) and transcripts (`*.align`) of speaker 1 of the GRID
/// corpus. Of each letter every eighth sentence, in the order of the names, goes to the split "val". Sentences whose
/// clip is damaged or in which the face is not found are left out and named in `log`.
/// @return  sentences written
/// @throws file_error  when the reference sentence is missing, fewer than 50 sentences are usable, or writing fails
inline isize prepare_av_grid(const std::filesystem::path& originals, const std::filesystem::path& folder,
                             std::ostream& log) {
  std::map<std::string, std::filesystem::path> clips, transcripts;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(originals)) {
    if (entry.path().extension() == ".mpg") clips[entry.path().stem().string()] = entry.path();
    if (entry.path().extension() == ".align") transcripts[entry.path().stem().string()] = entry.path();
  }
  const std::string reference = detail::mouth_finder::reference_name;
  if (!clips.contains(reference) || !transcripts.contains(reference))
    throw multifuse::file_error(originals.string(), "the reference sentence is missing", reference + ".mpg and .align",
                                "");
  const detail::mouth_finder finder({clips[reference], transcripts[reference]});
  detail::grid_split train, val;
  std::array<int, 51> seen{};
  isize written = 0;
  for (const auto& [name, path] : clips) {
    try {
      const detail::grid_sentence sentence(path, transcripts[name]);
      const auto mouth = finder.find(sentence);
      if (mouth.correlation < 0.5)
        throw multifuse::file_error(path.string(), "the face is not found", "correlation 0.5",
                                    number_text(mouth.correlation));
      (seen[std::size_t(sentence.ids[3])]++ % 8 == 4 ? val : train).append(sentence, mouth);
      ++written;
    } catch (const multifuse::file_error& problem) {
      log << "left out: " << problem.what() << '\n';
    }
  }
  if (written < 50)
    throw multifuse::file_error(originals.string(), "too few usable sentences", "at least 50", std::to_string(written));
  std::filesystem::create_directories(folder);
  train.write(folder, "train");
  val.write(folder, "val");
  std::vector<std::int16_t> table;
  for (int code = 0; code < 256; ++code) table.push_back(detail::ulaw_decode(std::uint8_t(code)));
  multifuse::save_npy(folder / "ulaw_decode.npy", xt::adapt(table, std::vector<std::size_t>{256}));
  multifuse::atomic_file vocabulary(folder / "vocab.txt");
  for (const char* word : detail::grid_vocabulary) vocabulary.write(std::string(word) + "\n");
  vocabulary.commit();
  return written;
}

}  // namespace examples
