#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "dataset.hpp"
#include "multifuse/core/random.hpp"
#include "noise_bank.hpp"

namespace examples {

/// Which word of a sentence ("bin blue at f two now") is to be recognized; the value is its place.
enum class grid_task { command = 0, color = 1, preposition = 2, letter = 3, digit = 4, adverb = 5 };

/// How words are cut out of sentences.
struct grid_options {
  grid_task task = grid_task::letter;
  isize frames = 12;                                        ///< of a window, centered on the word
  double snr_db = std::numeric_limits<double>::infinity();  ///< infinity for clean speech
  multifuse::random_key noise_key = {};                     ///< which noise goes with which word
};

/// Sentences of the GRID corpus (Cooke, Barker, Cunningham and Shao, JASA 120(5), 2006), one speaker: the mouth in
/// gray, 24 x 32 pixels at 25 frames a second, and the voice at 8 kHz, 320 samples a frame.
class av_grid {
 public:
  static constexpr isize rows = 24, columns = 32, samples_per_frame = 320;

  /// @param folder  with `<split>_video.npy` and its companions
  /// @param split   "train" or "val"
  /// @throws file_error  when a file is missing, malformed, or does not fit the others
  av_grid(const std::filesystem::path& folder, std::string_view split) {
    const std::string prefix(split);
    const auto video = detail::load_array<std::uint8_t>(folder / (prefix + "_video.npy"), {-1, rows, columns});
    pixels_.assign(video.begin(), video.end());
    const auto frames = isize(video.shape(0));
    const auto codes =
        detail::load_array<std::uint8_t>(folder / (prefix + "_audio_ulaw.npy"), {frames * samples_per_frame});
    const auto table = detail::load_array<std::int16_t>(folder / "ulaw_decode.npy", {256});
    audio_.reserve(codes.size());
    for (const std::uint8_t code : codes) audio_.push_back(float(table(code)) / 32768);
    offsets_ = detail::load_offsets(folder / (prefix + "_offsets.npy"), frames);
    vocabulary_ = detail::load_lines(folder / "vocab.txt");
    const auto path = folder / (prefix + "_words.npy");
    const auto words = detail::load_array<std::int32_t>(path, {utterances(), 6, 3});
    for (isize u = 0; u < utterances(); ++u)
      for (isize w = 0; w < 6; ++w) {
        const word entry{words(u, w, 0), words(u, w, 1), words(u, w, 2)};
        const auto [first, count] = places[std::size_t(w)];
        if (entry.id < first || entry.id >= first + count || entry.id >= std::ssize(vocabulary_) || entry.begin < 0 ||
            entry.end < entry.begin || entry.end > 1 << 24)
          throw multifuse::file_error(path.string(), "malformed word", "an id of its place and a span of samples",
                                      "word " + std::to_string(w) + " of utterance " + std::to_string(u));
        words_.push_back(entry);
      }
  }

  isize utterances() const { return std::ssize(offsets_) - 1; }

  /// Frames of an utterance.
  isize length(isize utterance) const {
    return offsets_[std::size_t(utterance) + 1] - offsets_[std::size_t(utterance)];
  }

  /// Frame at which a window of so many frames begins that is centered on a word and lies inside the utterance.
  isize window_begin(isize utterance, grid_task task, isize frames) const {
    const word& entry = words_[std::size_t(6 * utterance + isize(task))];
    const double center = 0.5 * double(entry.begin + entry.end) / double(samples_per_frame);
    return std::clamp<isize>(isize(std::lround(center - 0.5 * double(frames))), 0, length(utterance) - frames);
  }

  /// Appends frames `begin` ... `begin + set.frames - 1` of an utterance: pixels from -1 to 1, sound as it was recorded
  /// (full scale 1).
  /// @throws argument_error  when they do not lie inside the utterance
  void append(dataset& set, isize utterance, isize begin, int label) const {
    if (utterance < 0 || utterance >= utterances() || begin < 0 || begin + set.frames > length(utterance))
      throw multifuse::argument_error("av_grid::append", "window outside the utterance", "frames inside it",
                                      std::to_string(set.frames) + " frames from " + std::to_string(begin));
    const auto at = std::size_t(offsets_[std::size_t(utterance)] + begin);
    const auto pixel_count = std::size_t(set.frames * rows * columns), sample_count = std::size_t(set.samples);
    for (std::size_t i = 0; i < pixel_count; ++i)
      set.video.push_back(float(pixels_[at * std::size_t(rows * columns) + i]) / 127.5f - 1);
    const auto* sound = audio_.data() + at * std::size_t(samples_per_frame);
    set.audio.insert(set.audio.end(), sound, sound + sample_count);
    set.labels.push_back(label);
    set.sources.push_back(int(utterance));
    ++set.size;
  }

  /// Empty set for windows of so many frames.
  /// @throws argument_error  when some utterance is shorter
  dataset empty_set(isize frames) const {
    isize shortest = std::numeric_limits<isize>::max();
    for (isize u = 0; u < utterances(); ++u) shortest = std::min(shortest, length(u));
    if (frames < 1 || frames > shortest)
      throw multifuse::argument_error("av_grid", "unusable window", "1 ... " + std::to_string(shortest) + " frames",
                                      std::to_string(frames));
    return {.frames = frames,
            .rows = rows,
            .columns = columns,
            .samples = frames * samples_per_frame,
            .frame_rate = 25,
            .sample_rate = 8000};
  }

  /// One window for every utterance, labeled with its word. The sound has noise at the ratio asked for (see
  /// noise_bank::mix) and then root mean square 1.
  /// @param noise  needed unless the speech stays clean
  /// @throws argument_error  when noise is needed and missing
  dataset words(const grid_options& options, const noise_bank* noise = nullptr) const {
    dataset set = empty_set(options.frames);
    const bool clean = options.snr_db == std::numeric_limits<double>::infinity();
    if (!clean && noise == nullptr)
      throw multifuse::argument_error("av_grid::words", "noisy speech without noise", "a noise_bank", "none");
    const auto [first, count] = places[std::size_t(options.task)];
    set.classes.assign(vocabulary_.begin() + first, vocabulary_.begin() + first + count);
    for (isize u = 0; u < utterances(); ++u) {
      const int id = words_[std::size_t(6 * u + isize(options.task))].id;
      append(set, u, window_begin(u, options.task, options.frames), id - first);
      const auto sound = std::span(set.audio).last(std::size_t(set.samples));
      if (!clean) noise->mix(sound, options.snr_db, options.noise_key.split(std::uint64_t(u)));
      const double level = detail::root_mean_square(sound);
      for (float& x : sound) x = level > 0 ? float(x / level) : 0;
    }
    return set;
  }

 private:
  struct word {
    int id;
    isize begin, end;  // samples from the start of the utterance
  };
  struct place {
    int first, count;  // words of the vocabulary that may stand there
  };
  static constexpr std::array<place, 6> places{{{0, 4}, {4, 4}, {8, 4}, {12, 25}, {37, 10}, {47, 4}}};

  std::vector<std::uint8_t> pixels_;  // [frames, rows, columns]
  std::vector<float> audio_;          // [frames * samples_per_frame]
  std::vector<isize> offsets_;        // [utterances + 1], in frames
  std::vector<word> words_;           // [utterances, 6]
  std::vector<std::string> vocabulary_;
};

}  // namespace examples
