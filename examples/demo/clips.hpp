#pragma once
#include <span>
#include <string>
#include <vector>

#include "multifuse/core/random.hpp"
#include "multifuse/layers/patch_embedding.hpp"
#include "support/dataset.hpp"
#include "support/find_data.hpp"

namespace demo {

using multifuse::isize;

/// What a clip looks like to a network, and how it is cut into tokens.
struct clip_shape {
  isize frames, rows, columns;    ///< of the video
  multifuse::patch_size tubelet;  ///< of one video token
  isize sound_frames, bins;       ///< of the log-mel spectrogram
  isize sound_patch;              ///< spectrogram frames of one audio token
  isize classes;                  ///< among the training labels

  constexpr isize grid_rows() const { return rows / tubelet.rows; }
  constexpr isize grid_columns() const { return columns / tubelet.columns; }
  constexpr isize video_tokens() const { return frames / tubelet.frames * grid_rows() * grid_columns(); }
  constexpr isize audio_tokens() const { return sound_frames / sound_patch; }
  constexpr isize video_size() const { return frames * rows * columns; }
  constexpr isize audio_size() const { return sound_frames * bins; }
};

/// Twelve frames of 24 x 32 pixels, each one token; 44 spectra of 26 bins, four of them one token; up to 51 words.
inline constexpr clip_shape clip_layout{12, 24, 32, {1, 24, 32}, 44, 26, 4, 51};

/// Clips as a network takes them, normalized.
struct clip_batch {
  isize size = 0;
  std::vector<float> video = {};          ///< [size, frames, rows, columns]
  std::vector<float> audio = {};          ///< [size, sound_frames, bins]
  std::vector<std::int32_t> labels = {};  ///< [size]
};

/// Test clips in a certain amount of noise; each clip occurs `draws` times in a row, with other noise each time.
struct condition {
  std::string name = {};
  double snr_db = 0;  ///< infinity for clean speech, NaN where it differs from clip to clip
  isize draws = 1;
  clip_batch clips = {};
};

/// Means that repeat with a period, and one deviation for all: of each pixel of a picture, or each bin of a spectrum.
struct standardization {
  std::vector<float> means = {};
  float deviation = 1;

  static standardization of(std::span<const float> values, isize period);
  void apply(std::span<float> values) const;
  float undo(float value, isize place) const { return value * deviation + means[std::size_t(place)]; }
};

/// How training clips vary each time they are drawn.
struct augmentation {
  isize shift = 2;              ///< pixels up, down, left or right, at most
  double mirror = 0.5;          ///< probability of a mirror image
  double contrast = 0.2;        ///< factor on the pixels: 1 +- this
  double loudness = 0.1;        ///< deviation of an offset to all energies
};

/// Clips to train on. Each is stored with some frames before and after, and with several `takes` of its sound, each
/// begun at another frame and in other noise.
struct training_pool {
  struct take {
    isize clip, first_frame;
  };
  isize frames = 0;                        ///< stored of each clip
  std::vector<float> pixels = {};          ///< [clips, frames, rows, columns], normalized
  std::vector<std::int32_t> labels = {};   ///< [clips]
  std::vector<take> takes = {};            ///< those of tested classes first
  isize tested_takes = 0;
  std::vector<float> energies = {};        ///< [takes, sound_frames, bins], normalized
};

/// What the strategies are compared on.
struct task {
  std::string name = {}, description = {};
  bool words = false;                      ///< of the GRID corpus, else digits
  std::vector<std::string> classes = {};   ///< those that are tested: labels 0 ... classes.size() - 1
  training_pool pool = {};
  std::vector<condition> conditions = {};  ///< the first one is what the comparison is about
  augmentation variation = {};
  standardization pictures = {};           ///< how the pixels, -1 ... 1, were normalized

  /// Random training clips, half of them of tested classes where others exist; a function of the key.
  clip_batch draw(isize size, multifuse::random_key key) const;
};

/// How much is loaded.
struct task_options {
  bool quick = false;     ///< few takes and conditions
  bool held_out = false;  ///< test on every fifth training sentence, which is left out of training
};

/// Loads the letters of the GRID corpus (with the other words as further training classes), or digits without it.
/// @throws file_error  when a file is missing or malformed
task load_task(const examples::data_location& data, const task_options& options);

}  // namespace demo
