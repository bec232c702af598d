// SFT on talking faces: which of ten digits is spoken, from lips, voice in noise, and movement? The claim: with its
// tokens pooled to a handful before fusion, the model stays as accurate and costs a fraction.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <future>
#include <limits>
#include <optional>

#include "multifuse/multifuse.hpp"
#include "multifuse/systems/sft.hpp"
#include "support/av_grid.hpp"
#include "support/example_arguments.hpp"
#include "support/find_data.hpp"
#include "support/plot.hpp"
#include "support/report.hpp"
#include "support/spread.hpp"

namespace {
namespace mf = multifuse;
using mf::isize;
using dev = mf::cpu<float>;

constexpr isize frames = 25, cells = 12 * 16, sounds = 98, bins = 26, classes = 10;
constexpr mf::sft::recipe published;

constexpr mf::sft::config with(mf::pooling_kind pooling) {
  return {.rgb = {cells, frames, 5, 0},
          .spec = {bins, sounds, 14, 0},
          .text = {cells, frames, 5, 0},
          .width = 40,
          .heads = 5,
          .unimodal_depth = 1,
          .fused_depth = 5,
          .classes = classes,
          .pooling = pooling,
          .kept = 5};
}

template <isize Tokens, isize Features>
using stream = mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<Tokens>, mf::width<Features>>>;

/// Items as three streams of vectors.
struct clips {
  isize size = 0;
  std::vector<float> lips, voice, movement;  // [size, tokens, features]
  std::vector<std::int32_t> labels;
};

/// Lips at half the resolution, log-mel energies, and differences of neighboring frames. Each is standardized.
clips prepare(const examples::dataset& data) {
  clips result{data.size, {}, examples::log_mel_of(data).values, {}, {data.labels.begin(), data.labels.end()}};
  const isize columns = data.columns;
  for (isize item = 0; item < data.size; ++item) {
    const auto video = data.video_of(item);
    for (isize f = 0; f < frames; ++f)
      for (isize r = 0; r < 12; ++r)
        for (isize c = 0; c < 16; ++c) {
          const auto at = std::size_t((f * data.rows + 2 * r) * columns + 2 * c), below = at + std::size_t(columns);
          result.lips.push_back((video[at] + video[at + 1] + video[below] + video[below + 1]) / 4);
          result.movement.push_back(f == 0 ? 0 : result.lips.back() - result.lips[result.lips.size() - 1 - cells]);
        }
  }
  return result;
}

/// The items of a step, recorded on its tape.
template <isize Tokens, isize Features>
stream<Tokens, Features> gather(const std::vector<float>& from, std::span<const isize> items) {
  std::vector<float> values;
  for (const isize i : items)
    values.insert(values.end(), from.begin() + i * Tokens * Features, from.begin() + (i + 1) * Tokens * Features);
  return {mf::shape<mf::batch<>, mf::tokens<Tokens>, mf::width<Features>>(std::ssize(items)), values};
}

/// The three streams of some items.
struct streams {
  stream<frames, cells> lips, movement;
  stream<sounds, bins> voice;
  mf::tensor<dev, mf::shape<mf::batch<>, mf::width<classes>>> truth;  ///< 1 for the digit, 0 elsewhere

  streams(const clips& from, std::span<const isize> items)
      : lips(gather<frames, cells>(from.lips, items)),
        movement(gather<frames, cells>(from.movement, items)),
        voice(gather<sounds, bins>(from.voice, items)),
        truth(mf::zeros<dev>(mf::shape<mf::batch<>, mf::width<classes>>(std::ssize(items)))) {
    for (isize n = 0; n < std::ssize(items); ++n)
      truth.data()[n * classes + from.labels[std::size_t(items[std::size_t(n)])]] = 1;
  }
};

std::vector<isize> numbers(isize size, auto&& wanted) {
  std::vector<isize> chosen;
  for (isize i = 0; i < size; ++i)
    if (wanted(i)) chosen.push_back(i);
  return chosen;
}

struct material {
  clips train, test;
  /// Of the training words every fifth is held out for validation.
  std::vector<isize> known = {}, held_out = {}, asked = {};
};

/// A step of training as published: from some epoch on, streams are mixed behind a layer drawn at random.
template <mf::sft::config C>
auto loss_of(const mf::sft::model<dev, C>& model, const material& data, const mf::training_step& now) {
  std::vector<isize> items;
  for (const isize i : now.items) items.push_back(data.known[std::size_t(i)]);
  const streams x(data.train, items);
  const auto lips = now.record(x.lips), movement = now.record(x.movement);
  const auto voice = now.record(x.voice);
  if (now.epoch < published.first_mixed) return mf::cross_entropy(model(lips, voice, movement), x.truth);
  const auto mix = mf::sft::draw_mixup<C>(now.random, std::ssize(items));
  return mf::sft::mixup_loss(model.mixed(lips, voice, movement, mix), x.truth, mix);
}

/// Trains by the published recipe; accuracy on the test words, in percent, of the epoch that was best in validation.
template <mf::sft::config C> double train(const material& data, isize epochs, std::uint64_t seed) {
  mf::sft::model<dev, C> model;
  model.use_official_starts();
  mf::initialize(model, seed);
  mf::adam<dev> optimizer(model);
  mf::schedule::plateau rate(published.rate);
  const isize steps_per_epoch = std::ssize(data.known) / published.batch_size;
  double least = std::numeric_limits<double>::infinity();
  std::optional<mf::sft::model<dev, C>> best;
  mf::train(optimizer,
            {.epochs = epochs,
             .samples = std::ssize(data.known),
             .batch_size = published.batch_size,
             .learning_rate = published.learning_rate,
             .schedule = std::cref(rate),
             .clip_norm = published.clip_norm,
             .seed = seed,
             .evaluate =
                 [&] {
                   const streams x(data.train, data.held_out);
                   const double loss = mf::cross_entropy(model(x.lips, x.voice, x.movement), x.truth).to_host()[0];
                   const isize epoch = optimizer.steps() / steps_per_epoch - 1;
                   if (epoch >= std::min(published.first_kept, epochs - 1) && loss < least)
                     best.emplace(model), least = loss;
                   return rate.observe(loss);
                 },
             .progress = nullptr},
            [&](const mf::training_step& now) { return loss_of<C>(model, data, now); });
  const streams x(data.test, data.asked);
  const auto logits = (*best)(x.lips, x.voice, x.movement).to_host();
  isize correct = 0;
  for (isize i = 0; i < data.test.size; ++i) {
    const auto row = logits.begin() + i * classes;
    correct += std::max_element(row, row + classes) - row == data.test.labels[std::size_t(i)];
  }
  return 100.0 * double(correct) / double(data.test.size);
}

struct costs {
  double forward_flops = 0, training_ms = 0, inference_ms = 0, peak_mib = 0;
  isize parameters = 0, tokens = 0;
};

double median_ms(std::vector<double> seconds) {
  std::nth_element(seconds.begin(), seconds.begin() + std::ssize(seconds) / 2, seconds.end());
  return 1e3 * seconds[seconds.size() / 2];
}

/// What a step of training and a clip cost; medians, with nothing beside it in this program.
template <mf::sft::config C> costs measure(const material& data) {
  using model_type = mf::sft::model<mf::meta, C>;
  constexpr mf::shape<mf::batch<1>, mf::tokens<frames>, mf::width<cells>> picture;
  constexpr auto cost =
      mf::cost_of<model_type>(picture, mf::shape<mf::batch<1>, mf::tokens<sounds>, mf::width<bins>>{}, picture);
  costs found{.forward_flops = cost.forward_flops, .parameters = cost.parameters};
  mf::sft::model<dev, C> model;
  mf::initialize(model, 1);
  const streams x(data.test, data.asked);
  found.tokens = model.joined(x.lips, x.voice, x.movement, mf::sft::unchanged{}).dims()[1];
  mf::adam<dev> optimizer(model);
  auto& pool = mf::memory_pool<dev::memory>::instance();
  pool.reset_peak();
  std::vector<double> seconds;
  double begin = mf::steady_seconds();
  mf::train(optimizer,
            {.steps_per_epoch = 15,
             .learning_rate = published.learning_rate,
             .clip_norm = published.clip_norm,
             .after_step =
                 [&](const mf::step_report&) {
                   const double now = mf::steady_seconds();
                   seconds.push_back(now - begin), begin = now;
                 },
             .progress = nullptr},
            [&](const mf::training_step& now) {
              const auto items = mf::shuffled(now.random, std::ssize(data.known));
              mf::training_step drawn = now;
              drawn.items = std::span(items).first(std::size_t(published.batch_size));
              drawn.epoch = published.first_mixed;
              return loss_of<C>(model, data, drawn);
            });
  found.training_ms = median_ms(seconds);
  found.peak_mib = double(pool.statistics().peak) / (1 << 20);
  seconds.clear();
  for (int n = 0; n < 7; ++n) {
    begin = mf::steady_seconds();
    const auto logits = model(x.lips, x.voice, x.movement).to_host();
    seconds.push_back((mf::steady_seconds() - begin) / double(data.test.size));
  }
  found.inference_ms = median_ms(seconds);
  return found;
}

struct pooling {
  std::string name;
  costs (*measure)(const material&);
  double (*train)(const material&, isize epochs, std::uint64_t seed);
};
template <mf::pooling_kind Kind> pooling way(std::string name) {
  return {std::move(name), &measure<with(Kind)>, &train<with(Kind)>};
}

void run(const examples::example_arguments& arguments) {
  const auto location = examples::find_data({.requested = arguments.data}, std::cout);
  if (!location.has_grid())
    throw multifuse::file_error(location.folder.string(), "no sentences", "a folder av_grid", "digits only");
  const auto load = [&](const char* split) {
    const examples::noise_bank noise(location.digits(), split);
    const examples::av_grid grid(location.grid(), split);
    return prepare(grid.words(
        {.task = examples::grid_task::digit, .frames = frames, .snr_db = 0, .noise_key = {1}}, &noise));
  };
  material data{load("train"), load("val")};
  for (const auto part : {&clips::lips, &clips::voice, &clips::movement}) {
    const auto measured = examples::statistics::of(data.train.*part);
    measured.normalize(data.train.*part), measured.normalize(data.test.*part);
  }
  data.known = numbers(data.train.size, [](isize i) { return i % 5 != 0; });
  data.held_out = numbers(data.train.size, [](isize i) { return i % 5 == 0; });
  data.asked = numbers(data.test.size, [](isize) { return true; });
  const isize epochs = arguments.quick ? 1 : 15, seeds = arguments.quick ? 1 : 3;  // published: 20
  using enum mf::pooling_kind;
  const std::vector<pooling> poolings{way<none>("no pooling"), way<max>("largest of windows"),
                                      way<top_tokens>("most attended tokens")};
  std::vector<costs> costs_of;
  for (const pooling& one : poolings) costs_of.push_back(one.measure(data));
  std::vector<std::future<double>> runs;  // each is the same whatever runs beside it
  for (const pooling& one : poolings)
    for (isize seed = 1; seed <= seeds; ++seed)
      runs.push_back(std::async(std::launch::async, one.train, std::cref(data), epochs, std::uint64_t(seed)));

  using examples::fixed_text;
  examples::scatter_plot plot{.title = "Accuracy against cost",
                              .x = {.label = "MFLOP of a clip, forward"},
                              .y = {.label = "accuracy, %"},
                              .points = {}};
  examples::text_table table{.columns = {"pooling", "accuracy, %", "fused tokens", "MFLOP", "parameters", "ms a step",
                                         "ms a clip", "peak MiB"}};
  auto next = runs.begin();
  for (std::size_t p = 0; p < poolings.size(); ++p) {
    std::vector<double> accuracies;
    for (isize seed = 0; seed < seeds; ++seed, ++next) accuracies.push_back(next->get());
    const examples::spread accuracy(accuracies);
    const costs& cost = costs_of[p];
    plot.points.push_back({poolings[p].name, cost.tokens > 50 ? "all tokens" : "pooled", cost.forward_flops / 1e6,
                           accuracy.mean, accuracy.mean - accuracy.deviation, accuracy.mean + accuracy.deviation});
    table.rows.push_back({poolings[p].name, accuracy.text(), std::to_string(cost.tokens),
                          fixed_text(cost.forward_flops / 1e6, 2), std::to_string(cost.parameters),
                          fixed_text(cost.training_ms, 1), fixed_text(cost.inference_ms, 3),
                          fixed_text(cost.peak_mib, 1)});
    for (std::size_t c = 0; c < table.columns.size(); ++c)
      std::printf("%s%s %s", c == 0 ? "" : ", ", table.columns[c].c_str(), table.rows.back()[c].c_str());
    std::printf("\n"), std::fflush(stdout);
  }
  const std::string drawing = plot.svg();
  const std::string words = std::to_string(data.test.size) + " test words";
  examples::report page("SFT: few tokens are enough", "Ten digits from lips, voice at 0 dB and movement; " + words);
  page.table(table, "Mean and standard deviation over " + std::to_string(seeds) + " seeds, " + std::to_string(epochs) +
                        " epochs by the published recipe.");
  page.figure(drawing, "Error bars: one standard deviation over the seeds.").write(arguments.out);
  if (!arguments.plot.empty()) examples::write_drawing(arguments.plot, drawing);
  const double factor = costs_of[0].forward_flops / costs_of[1].forward_flops;
  std::printf("pooling costs %.1f times less arithmetic\nreport: %s\n", factor, arguments.out.c_str());
}
}  // namespace

int main(int count, char** arguments) { return examples::run_example(count, arguments, "sft.html", run); }
