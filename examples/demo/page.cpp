#include <algorithm>
#include <cmath>
#include <numeric>

#include "comparison.hpp"
#include "multifuse/io/file.hpp"
#include "support/heat_map.hpp"
#include "support/plot.hpp"
#include "support/report.hpp"

namespace demo {

using examples::fixed_text;
using examples::magnitude_text;

namespace {

std::string percent(double value) { return fixed_text(value, 1) + " %"; }

std::string minutes_and_seconds(double seconds) {
  return std::to_string(int(seconds) / 60) + " min " + std::to_string(int(seconds) % 60) + " s";
}

const char* noise_of(const comparison& found) { return found.data->words ? "at 0 dB" : "in noise"; }

examples::scatter_plot accuracy_against_cost(const comparison& found) {
  examples::scatter_plot plot{.title = std::string("Accuracy ") + noise_of(found) + " against cost",
                              .x = {"FLOPs of one forward pass"},
                              .y = {"accuracy, %"},
                              .frontier = true};
  for (const strategy_results& s : found.strategies) {
    const double center = s.accuracy(0), spread = s.deviation(0);
    plot.points.push_back(
        {s.strategy.name, s.strategy.kind, s.strategy.cost.forward_flops, center, center - spread, center + spread});
  }
  return plot;
}

/// Something that each run has measured at each point of its learning curve.
template <class F> examples::series over_steps(const strategy_results& s, F values) {
  examples::series line{s.strategy.name, s.runs[0].steps, {}};
  for (std::size_t i = 0; i < line.x.size(); ++i) {
    double low = values(s.runs[0])[i], high = low;
    for (const outcome& run : s.runs) low = std::min(low, values(run)[i]), high = std::max(high, values(run)[i]);
    line.y.push_back(s.mean([&](const outcome& run) { return values(run)[i]; }));
    line.low.push_back(low);
    line.high.push_back(high);
  }
  return line;
}

void add_results(examples::report& page, const comparison& found) {
  const strategy_results& best = found.strategies[found.best(true)];
  const strategy_results& single = found.strategies[found.best(false)];
  page.section("Results");
  int above_single = 0, fusions = 0;
  for (const strategy_results& s : found.strategies) {
    fusions += s.strategy.is_fusion;
    above_single += s.strategy.is_fusion && s.accuracy(0) - s.deviation(0) > single.accuracy(0) + single.deviation(0);
  }
  page.paragraph(std::to_string(above_single) + " of " + std::to_string(fusions) +
                 " fusion strategies lie above the better single modality (" + single.strategy.name + ", " +
                 percent(single.accuracy(0)) + ") by more than both spreads; the best is " + best.strategy.name + " with " +
                 percent(best.accuracy(0)) + ".");
  examples::text_table table{{"strategy", "accuracy, %", "parameters", "FLOPs", "training, s", "inference, ms", "peak memory, MiB"},
                             table_rows(found),
                             {found.best(true)}};
  page.table(table, std::string("Accuracy ") + noise_of(found) + (found.seeds > 1 ? ": mean \u00b1 standard deviation over " + std::to_string(found.seeds) + " seeds" : std::string()) +
                        ". Parameters: trained ones. Training: processor seconds. FLOPs: one forward pass of one clip, counted by the compiler. Inference: one clip alone. "
                        "Memory: tensors, while training.");

  examples::line_plot curves{.title = "Learning curves", .x = {"training step"}, .y = {"accuracy, %"}};
  examples::line_plot losses{.title = "Training loss", .x = {"training step"}, .y = {"cross-entropy, running mean"}};
  examples::bar_plot times{.title = "Time of one clip alone", .value = {"milliseconds"}};
  examples::bar_series inference{"inference", {}, {}};
  for (const strategy_results& s : found.strategies) {
    curves.lines.push_back(over_steps(s, [](const outcome& run) -> const auto& { return run.curve; }));
    losses.lines.push_back(over_steps(s, [](const outcome& run) -> const auto& { return run.loss; }));
    times.categories.push_back(s.strategy.name);
    inference.values.push_back(s.mean([](const outcome& run) { return run.inference_ms; }));
  }
  times.groups.push_back(std::move(inference));
  page.figure(accuracy_against_cost(found).svg(), "Error bars: one standard deviation over the seeds. The dotted line joins "
                                                  "the strategies that none beats in both respects.");
  page.figure(curves.svg(), "Mean over the seeds; bands from the worst to the best. Point at a line to see it alone.");
  page.figure(losses.svg(), "Over all training classes, with smoothed labels: it does not go to zero.");
  page.figure(times.svg(), "One forward pass in one thread, median of fifty.");
}

void add_noise(examples::report& page, const comparison& found) {
  const auto& conditions = found.data->conditions;
  page.section("Noise and cost");
  if (conditions.size() < 2) return;
  examples::line_plot plot{.title = "Accuracy by noise",
                           .x = {"speech over noise, dB"},
                           .y = {"accuracy, %"}};
  std::vector<std::size_t> by_noise(conditions.size());
  std::iota(by_noise.begin(), by_noise.end(), std::size_t(0));
  std::stable_sort(by_noise.begin(), by_noise.end(),
                   [&](std::size_t a, std::size_t b) { return conditions[a].snr_db > conditions[b].snr_db; });
  examples::text_table table{{"strategy"}, {}};
  for (const std::size_t c : by_noise) table.columns.push_back(conditions[c].name);
  for (const strategy_results& s : found.strategies) {
    examples::series line{s.strategy.name, {}, {}};
    std::vector<std::string> row{s.strategy.name};
    for (const std::size_t c : by_noise) {
      row.push_back(fixed_text(s.accuracy(c), 1));
      if (!std::isfinite(conditions[c].snr_db)) continue;
      line.x.push_back(conditions[c].snr_db);
      line.y.push_back(s.accuracy(c));
      line.low.push_back(s.accuracy(c) - s.deviation(c));
      line.high.push_back(s.accuracy(c) + s.deviation(c));
    }
    plot.lines.push_back(std::move(line));
    table.rows.push_back(std::move(row));
  }
  page.table(table, "Accuracy in percent, mean over the seeds, one model for all conditions.");
  if (plot.lines[0].x.size() > 1)
    page.figure(plot.svg(), "Bands: one standard deviation over the seeds.");
}

void add_cost(examples::report& page, const comparison& found) {
  examples::line_plot plot{.title = "Cost against tokens", .x = {"tokens of all modalities", true}, .y = {"FLOPs of one forward pass", true}};
  for (const strategy_results& s : found.strategies) {
    examples::series line{s.strategy.name, {}, {}};
    for (isize tokens = 64; tokens <= 4096; tokens *= 2) {
      line.x.push_back(double(tokens));
      line.y.push_back(s.strategy.forward_flops(tokens));
    }
    plot.lines.push_back(std::move(line));
  }
  page.figure(plot.svg(), "Four layers of width 64, half of the tokens from each modality (all from one for the single "
                          "ones), without tokenizers. Counted by calling the models with shapes instead of numbers.");
}

/// A frame of a test clip as it was recorded.
examples::picture frame_of(const task& data, const clip_batch& clips, isize clip, isize frame) {
  const clip_shape& shape = clip_layout;
  examples::picture image{shape.rows, shape.columns, 1, {}};
  for (isize p = 0; p < shape.rows * shape.columns; ++p) {
    const float value = data.pictures.undo(
        clips.video[std::size_t(clip * shape.video_size() + frame * shape.rows * shape.columns + p)], p);
    const float gray = data.words ? (value + 1) * 127.5f : value * 255;  // -1 ... 1, or 0 ... 1
    image.pixels.push_back(std::uint8_t(std::clamp(gray, 0.0f, 255.0f)));
  }
  return image;
}

examples::matrix_plot confusion_of(const strategy_results& s, const task& data) {
  const std::size_t classes = data.classes.size();
  examples::matrix_plot plot{.title = "Confusion (" + s.strategy.name + ")",
                             .x = {"recognized as"},
                             .y = {"said"},
                             .rows = isize(classes),
                             .columns = isize(classes),
                             .row_names = data.classes,
                             .column_names = data.classes,
                             .height = 560};
  for (std::size_t truth = 0; truth < classes; ++truth) {
    std::vector<double> row(classes, 0.0);
    for (const outcome& run : s.runs)
      for (std::size_t c = 0; c < classes; ++c) row[c] += run.confusion[truth * classes + c];
    const double sum = std::accumulate(row.begin(), row.end(), 0.0);
    for (const double count : row) plot.values.push_back(sum > 0 ? count / sum : 0);
  }
  return plot;
}

void add_maps(examples::report& page, const comparison& found) {
  const task& data = *found.data;
  const clip_shape& shape = clip_layout;
  const clip_batch& clips = data.conditions[0].clips;
  const strategy_results& best = found.strategies[found.best(true)];
  const auto caption_of = [&](const clip_map& map) {
    const std::string truth = data.classes[std::size_t(clips.labels[std::size_t(map.clip)])];
    const std::string said = data.classes[std::size_t(map.predicted)];
    return "\u201c" + truth + "\u201d, recognized as \u201c" + said + "\u201d";
  };
  page.section("What the models look at");

  examples::frame_strip saliency{.title = "Pixels that decide (" + best.strategy.name + ")",
                                 .scale_label = "of the largest in the clip"};
  const isize shown = std::min<isize>(2, std::ssize(best.runs[0].maps));
  saliency.columns = std::min<isize>(6, shape.frames * shown);
  for (isize m = 0; m < shown; ++m) {
    const clip_map& map = best.runs[0].maps[std::size_t(m)];
    const isize cells = std::ssize(map.saliency) / shape.frames;
    const double largest = std::max(1e-30, *std::max_element(map.saliency.begin(), map.saliency.end()));
    for (isize f = 0; f < shape.frames; ++f) {
      examples::weighted_frame frame{frame_of(data, clips, map.clip, f), {}, shape.rows / 4, shape.columns / 4};
      for (isize c = 0; c < cells; ++c) frame.weights.push_back(map.saliency[std::size_t(f * cells + c)] / largest);
      frame.caption = f == 0 ? caption_of(map) : fixed_text(0.04 * double(f), 2) + " s";
      saliency.frames.push_back(std::move(frame));
    }
  }
  page.figure(saliency.svg(), "Size of the gradient of the predicted class with respect to the pixels, through the whole "
                              "model, summed over cells of 4 x 4 pixels; two test clips.", true);

  for (const strategy_results& s : found.strategies) {
    if (s.runs[0].maps.empty() || s.runs[0].maps[0].video_attention.empty()) continue;
    const std::vector<clip_map>& maps = s.runs[0].maps;
    const clip_map& first = maps[0];
    const isize cells = shape.grid_rows() * shape.grid_columns();
    examples::frame_strip strip{.title = "Where the bottleneck tokens look: " + caption_of(first),
                                .scale_label = "attention (all tokens share 1)",
                                .columns = std::min<isize>(12, shape.frames)};
    for (isize f = 0; f < shape.frames; ++f) {
      examples::weighted_frame frame{frame_of(data, clips, first.clip, f), {}, shape.grid_rows(), shape.grid_columns()};
      frame.weights.assign(first.video_attention.begin() + f * cells, first.video_attention.begin() + (f + 1) * cells);
      frame.caption = fixed_text(0.04 * double(f), 2) + " s";
      strip.frames.push_back(std::move(frame));
    }
    page.figure(strip.svg(), "Attention of the four bottleneck tokens to the video tokens in the last layer, mean over "
                             "tokens and heads.", true);
    examples::matrix_plot video{.title = "Bottleneck to video tokens", .rows = std::ssize(maps), .width = 640, .height = 260};
    examples::matrix_plot audio{.title = "Bottleneck to audio tokens", .rows = std::ssize(maps), .width = 640, .height = 260};
    video.columns = std::ssize(first.video_attention);
    audio.columns = std::ssize(first.audio_attention);
    for (const clip_map& map : maps) {
      video.values.insert(video.values.end(), map.video_attention.begin(), map.video_attention.end());
      audio.values.insert(audio.values.end(), map.audio_attention.begin(), map.audio_attention.end());
      const std::string name = data.classes[std::size_t(clips.labels[std::size_t(map.clip)])];
      video.row_names.push_back(name);
      audio.row_names.push_back(name);
    }
    video.x.label = "frame";
    audio.x.label = "audio token";
    page.figure(video.svg(), "A row for each of six test clips, named by what is said.");
    page.figure(audio.svg(), "The same clips: which part of the sound they listen to.");
  }

  for (const bool fusion : {false, true})
    page.figure(confusion_of(found.strategies[found.best(fusion)], data).svg(),
                "Share of each true class, all seeds together.");
}

void add_method(examples::report& page, const comparison& found, const std::string& data_description, const program_options& options) {
  const task& data = *found.data;
  page.section("How it was done");
  page.paragraph("Data: " + data_description + " " + std::to_string(data.pool.labels.size()) + " training clips, " +
                 std::to_string(data.conditions[0].clips.size / data.conditions[0].draws) + " test clips" +
                 (data.conditions[0].draws > 1 ? ", each in " + std::to_string(data.conditions[0].draws) + " noises" : "") +
                 (options.held_out ? ". The test clips are a fifth of the training sentences, which was not trained on." : "."));
  page.paragraph("Budget: " + std::to_string(found.steps) + " steps of 32 clips for every strategy and seed, AdamW, the same "
                 "schedule, augmentation and label smoothing; four transformer layers of width 64; tokenizers alike. The "
                 "settings were chosen on held-out training sentences.");
  if (data.words)
    page.paragraph("For comparison, support vector machines on principal components of the lips and log-mel energies reach, "
                   "on other test sentences at 0 dB: video 47.0, audio 35.5, features side by side 55.5, summed log "
                   "probabilities 64.0 %. One hundred test sentences: a single accuracy is uncertain by about five points, "
                   "differences between strategies on the same clips by less.");
}

}  // namespace

void write_page(const comparison& found, const program_options& options, const std::string& data_description) {
  const strategy_results& best = found.strategies[found.best(true)];
  examples::report page(found.data->words ? "Fusion strategies on lip video and noisy speech" : "Fusion strategies on handwritten and spoken digits",
                        found.data->description + " Equal budgets for all strategies" +
                            (options.quick ? "; a quick run, too short to compare them." : "."));
  std::vector<std::pair<std::string, std::string>> facts{{percent(best.accuracy(0)), best.strategy.name + ", the best fusion"}};
  for (const strategy_results& s : found.strategies)
    if (!s.strategy.is_fusion) facts.push_back({percent(s.accuracy(0)), s.strategy.name});
  const double gain = best.accuracy(0) - found.strategies[found.best(false)].accuracy(0);
  facts.push_back({(gain < 0 ? "\u2212" : "+") + fixed_text(std::abs(gain), 1), "points over the better modality"});
  facts.push_back({minutes_and_seconds(found.seconds), std::to_string(found.strategies.size()) + " strategies, " +
                                                           std::to_string(found.seeds) + (found.seeds == 1 ? " seed" : " seeds")});
  page.facts(facts);
  add_results(page, found);
  add_noise(page, found);
  add_cost(page, found);
  add_maps(page, found);
  add_method(page, found, data_description, options);
  page.write(options.out);
  if (!options.plot.empty()) {
    multifuse::atomic_file file(options.plot);
    file.write(examples::standalone_svg(accuracy_against_cost(found).svg()));
    file.commit();
  }
}

}  // namespace demo
