#include "clips.hpp"

#include <array>
#include <cmath>
#include <limits>

#include "support/av_digits.hpp"
#include "support/av_grid.hpp"
#include "support/svg.hpp"

namespace demo {

using multifuse::random_key;
using multifuse::uniform;
using multifuse::uniform_integer;

standardization standardization::of(std::span<const float> values, isize period) {
  standardization result{std::vector<float>(std::size_t(period)), 1};
  std::vector<double> sums(std::size_t(period), 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) sums[i % sums.size()] += values[i];
  const double rows = double(values.size()) / double(period);
  for (std::size_t i = 0; i < sums.size(); ++i) result.means[i] = float(sums[i] / rows);
  double squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) squares += std::pow(values[i] - result.means[i % sums.size()], 2);
  result.deviation = float(std::max(1e-6, std::sqrt(squares / double(values.size()))));
  return result;
}

void standardization::apply(std::span<float> values) const {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = (values[i] - means[i % means.size()]) / deviation;
}

namespace {

/// Spectrogram of a sound of root mean square 1, a frame every `shift_ms`, cut evenly at both ends to those of a clip.
void append_energies(std::vector<float>& to, std::span<const float> sound, double shift_ms) {
  auto config = examples::speech_log_mel();
  config.frame_shift_ms = shift_ms;
  static const multifuse::log_mel transform(config);  // a run has one kind of sound
  const auto picture = transform(sound);
  const auto first = std::size_t((picture.frames() - clip_layout.sound_frames) / 2 * clip_layout.bins);
  const auto values = picture.values().subspan(first, std::size_t(clip_layout.audio_size()));
  to.insert(to.end(), values.begin(), values.end());
}

/// A frame moved by (down, right) pixels, its edge repeated, and perhaps mirrored.
void move_frame(std::span<const float> from, std::span<float> to, isize down, isize right,
                bool mirror, float gain) {
  for (isize r = 0; r < clip_layout.rows; ++r)
    for (isize c = 0; c < clip_layout.columns; ++c) {
      const isize row = std::clamp<isize>(r - down, 0, clip_layout.rows - 1);
      const isize column = std::clamp<isize>((mirror ? clip_layout.columns - 1 - c : c) - right, 0, clip_layout.columns - 1);
      to[std::size_t(r * clip_layout.columns + c)] = gain * from[std::size_t(row * clip_layout.columns + column)];
    }
}

clip_batch word_clips(const examples::dataset& data) {
  clip_batch clips{data.size, data.video, {}, {data.labels.begin(), data.labels.end()}};
  for (isize i = 0; i < data.size; ++i) append_energies(clips.audio, data.audio_of(i), 10);
  return clips;
}

/// Digits in the form of words: the picture as a still video, the second of speech with fewer frames.
clip_batch digit_clips(const examples::dataset& data) {
  clip_batch clips{data.size, {}, {}, {data.labels.begin(), data.labels.end()}};
  for (isize i = 0; i < data.size; ++i) {
    const auto from = data.video_of(i);
    for (isize f = 0; f < clip_layout.frames; ++f)
      for (isize r = 0; r < clip_layout.rows; ++r)
        for (isize c = 0; c < clip_layout.columns; ++c) {
          const isize row = r + (data.rows - clip_layout.rows) / 2, column = c + (data.columns - clip_layout.columns) / 2;
          const bool inside = row >= 0 && row < data.rows && column >= 0 && column < data.columns;
          clips.video.push_back(inside ? from[std::size_t(row * data.columns + column)] : 0);
        }
    append_energies(clips.audio, data.audio_of(i), 22);
  }
  return clips;
}

void append(clip_batch& to, const clip_batch& from, std::size_t item) {
  const auto add = [&](std::vector<float>& all, const std::vector<float>& part) {
    const std::size_t length = part.size() / std::size_t(from.size);
    all.insert(all.end(), part.begin() + isize(item * length), part.begin() + isize((item + 1) * length));
  };
  add(to.video, from.video);
  add(to.audio, from.audio);
  to.labels.push_back(from.labels[item]);
  ++to.size;
}

/// Ratios of the test conditions.
std::string ratio_name(double snr_db) {
  return std::isinf(snr_db) ? "clean" : (snr_db < 0 ? "\u2212" : "") + std::to_string(int(std::abs(snr_db))) + " dB";
}

task load_words(const examples::data_location& data, const task_options& options) {
  using examples::grid_task;
  task result{.name = "letters",
              .description = "Which of 25 letters does a speaker say (GRID corpus, one speaker, 0.48 s of lips and of "
                             "speech at 0 dB in environmental noise)?",
              .words = true};
  const examples::av_grid train(data.grid(), "train");
  const examples::noise_bank train_noise(data.digits(), "train");
  const auto in_test = [&](isize u) { return options.held_out && u % 5 == 0; };

  // Letters first, then the words of the other places; each place has its labels after those of the one before.
  constexpr std::array places{grid_task::letter,      grid_task::digit,  grid_task::command, grid_task::color,
                              grid_task::preposition, grid_task::adverb};
  constexpr isize slack = 2;  // frames before and after a clip
  training_pool& pool = result.pool;
  pool.frames = clip_layout.frames + 2 * slack;
  examples::dataset wide = train.empty_set(pool.frames);
  std::vector<isize> takes;
  int first_label = 0;
  for (const grid_task place : places) {
    const auto named = train.words({.task = place, .frames = clip_layout.frames});
    for (isize u = 0; u < train.utterances(); ++u) {
      if (in_test(u)) continue;
      train.append(wide, u, train.window_begin(u, place, pool.frames), first_label + named.labels[std::size_t(u)]);
      takes.push_back(place == grid_task::letter ? (options.quick ? 4 : 24) : (options.quick ? 1 : 6));
    }
    if (place == grid_task::letter) result.classes = named.classes;
    first_label += int(named.classes.size());
  }
  pool.pixels = wide.video;
  pool.labels.assign(wide.labels.begin(), wide.labels.end());
  const random_key key = random_key{1}.split("takes");
  for (isize clip = 0; clip < wide.size; ++clip)
    for (isize t = 0; t < takes[std::size_t(clip)]; ++t) {
      const random_key draw = key.split(std::uint64_t(clip)).split(std::uint64_t(t));
      const isize first = uniform_integer(draw, 0, 2 * slack + 1);
      auto sound = wide.audio_of(clip).subspan(std::size_t(first * examples::av_grid::samples_per_frame),
                                               std::size_t(clip_layout.frames * examples::av_grid::samples_per_frame));
      std::vector<float> mixed(sound.begin(), sound.end());
      if (examples::detail::root_mean_square(mixed) > 0)
        train_noise.mix(mixed, -12 + 24 * uniform(draw, 1), draw.split("noise"));
      const double level = examples::detail::root_mean_square(mixed);
      for (float& x : mixed) x = level > 0 ? float(x / level) : 0;
      append_energies(pool.energies, mixed, 10);
      pool.takes.push_back({clip, first});
      pool.tested_takes += pool.labels[std::size_t(clip)] < std::ssize(result.classes);
    }

  // Every test clip under each condition, several times with other noise.
  const examples::av_grid val(data.grid(), "val");
  const examples::noise_bank val_noise(data.digits(), "val");
  const examples::av_grid& tested = options.held_out ? train : val;
  const examples::noise_bank& noise = options.held_out ? train_noise : val_noise;
  std::vector<double> ratios{0};
  if (!options.quick) ratios.insert(ratios.end(), {std::numeric_limits<double>::infinity(), 6, -6, -12});
  for (const double snr_db : ratios) {
    condition one{ratio_name(snr_db), snr_db, std::isinf(snr_db) ? 1 : 4};
    std::vector<clip_batch> draws;
    for (isize d = 0; d < one.draws; ++d)
      draws.push_back(word_clips(tested.words(
          {.frames = clip_layout.frames, .snr_db = snr_db, .noise_key = random_key{2}.split(std::uint64_t(d))}, &noise)));
    for (isize u = 0; u < tested.utterances(); ++u)
      if (!options.held_out || in_test(u))
        for (const clip_batch& draw : draws) append(one.clips, draw, std::size_t(u));
    result.conditions.push_back(std::move(one));
  }
  return result;
}

task load_digits(const examples::data_location& data, const task_options& options) {
  task result{.name = "digits",
              .description = "Which digit is it (a handwritten one, three quarters of its variance removed, and a "
                             "spoken one in noise of \u22126, 0 or 6 dB)?",
              .variation = {.mirror = 0}};
  const examples::av_digits train(data.digits(), "train");
  const auto pairs = train.pairs();
  result.classes = pairs.classes;
  training_pool& pool = result.pool;
  pool.frames = clip_layout.frames;
  clip_batch clips = digit_clips(pairs), test;
  if (options.held_out) {
    clip_batch kept;
    for (std::size_t i = 0; i < clips.labels.size(); ++i) append(i % 5 == 0 ? test : kept, clips, i);
    clips = std::move(kept);
  }
  pool.pixels = std::move(clips.video);
  pool.energies = std::move(clips.audio);
  pool.labels = std::move(clips.labels);
  for (isize i = 0; i < clips.size; ++i) pool.takes.push_back({i, 0});
  pool.tested_takes = clips.size;
  if (options.held_out) {
    result.conditions.push_back({"in noise", examples::none, 1, std::move(test)});
    return result;
  }
  const examples::av_digits val(data.digits(), "val");
  result.conditions.push_back({"in noise", examples::none, 1, digit_clips(val.pairs())});
  if (!options.quick)
    result.conditions.push_back({"clean", std::numeric_limits<double>::infinity(), 1, digit_clips(val.pairs({.noise = false}))});
  return result;
}

}  // namespace

task load_task(const examples::data_location& data, const task_options& options) {
  task result = data.has_grid() ? load_words(data, options) : load_digits(data, options);
  const standardization& pictures = result.pictures = standardization::of(result.pool.pixels, clip_layout.rows * clip_layout.columns);
  const auto spectra = standardization::of(result.pool.energies, clip_layout.bins);
  pictures.apply(result.pool.pixels);
  spectra.apply(result.pool.energies);
  for (condition& one : result.conditions) {
    pictures.apply(one.clips.video);
    spectra.apply(one.clips.audio);
  }
  return result;
}

clip_batch task::draw(isize size, random_key key) const {
  constexpr const clip_shape& s = clip_layout;
  clip_batch batch{size, std::vector<float>(std::size_t(size * s.video_size())),
                   std::vector<float>(std::size_t(size * s.audio_size())), std::vector<std::int32_t>(std::size_t(size))};
  const isize others = std::ssize(pool.takes) - pool.tested_takes;
  const isize picture = s.rows * s.columns;
  for (isize i = 0; i < size; ++i) {
    const random_key draw = key.split(std::uint64_t(i));
    const bool other = others > 0 && i % 2 == 1;
    const isize chosen = other ? pool.tested_takes + uniform_integer(draw, 0, others)
                               : uniform_integer(draw, 0, pool.tested_takes);
    const auto [clip, first_frame] = pool.takes[std::size_t(chosen)];
    batch.labels[std::size_t(i)] = pool.labels[std::size_t(clip)];

    const isize down = uniform_integer(draw, 1, 2 * variation.shift + 1) - variation.shift;
    const isize right = uniform_integer(draw, 2, 2 * variation.shift + 1) - variation.shift;
    const bool mirror = uniform(draw, 3) < variation.mirror;
    const auto gain = float(1 + variation.contrast * (2 * uniform(draw, 4) - 1));
    for (isize f = 0; f < s.frames; ++f)
      move_frame(std::span(pool.pixels).subspan(std::size_t((clip * pool.frames + first_frame + f) * picture),
                                                std::size_t(picture)),
                 std::span(batch.video).subspan(std::size_t((i * s.frames + f) * picture), std::size_t(picture)), down, right, mirror, gain);

    const auto sound =
        std::span(batch.audio).subspan(std::size_t(i * s.audio_size()), std::size_t(s.audio_size()));
    const auto offset = float(variation.loudness * multifuse::normal(draw, 10));
    std::transform(pool.energies.begin() + chosen * s.audio_size(), pool.energies.begin() + (chosen + 1) * s.audio_size(),
                   sound.begin(), [offset](float energy) { return energy + offset; });
  }
  return batch;
}

}  // namespace demo
