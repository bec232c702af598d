// SFT on talking faces: which of ten digits is spoken, from lips, voice in noise, and the lips' movement? The claim: with its
// tokens pooled to a handful before fusion, the model stays as accurate and costs a fraction.
#include <algorithm>
#include <cstdio>
#include <memory>

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

constexpr isize frames = 25, cells = 12 * 16, sounds = 98, bins = 26, classes = 10, batch_size = 16;

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

struct outcome {
  std::string name;
  std::vector<double> accuracy = {};  // of each seed
  double forward_flops = 0, training_ms = 0, inference_ms = 0, peak_mib = 0;
  isize parameters = 0, tokens = 0;
};

template <mf::sft::config C> double accuracy_of(const mf::sft::model<dev, C>& model, const clips& test) {
  std::vector<isize> items(std::size_t(test.size));
  for (std::size_t i = 0; i < items.size(); ++i) items[i] = isize(i);
  const auto logits = model(gather<frames, cells>(test.lips, items), gather<sounds, bins>(test.voice, items),
                            gather<frames, cells>(test.movement, items)).to_host();
  isize correct = 0;
  for (isize i = 0; i < test.size; ++i) {
    const auto row = logits.begin() + i * classes;
    correct += std::max_element(row, row + classes) - row == test.labels[std::size_t(i)];
  }
  return 100.0 * double(correct) / double(test.size);
}

template <mf::sft::config C> outcome train(std::string name, const clips& data, const clips& test, isize steps, int seeds) {
  outcome result{std::move(name)};
  using model_type = mf::sft::model<dev, C>;
  constexpr auto cost = mf::cost_of<mf::sft::model<mf::meta, C>>(
      mf::shape<mf::batch<1>, mf::tokens<frames>, mf::width<cells>>{},
      mf::shape<mf::batch<1>, mf::tokens<sounds>, mf::width<bins>>{},
      mf::shape<mf::batch<1>, mf::tokens<frames>, mf::width<cells>>{});
  result.forward_flops = cost.forward_flops, result.parameters = cost.parameters;
  result.tokens = C.pooling == mf::pooling_kind::none ? 1 + 2 * frames + sounds : 1 + 5 + 7 + 5;
  auto& pool = mf::memory_pool<dev::memory>::instance();
  for (int seed = 1; seed <= seeds; ++seed) {
    const auto model = std::make_unique<model_type>();
    mf::initialize(*model, std::uint64_t(seed));
    mf::adam<dev> optimizer(*model, {.weight_decay = 0.02});
    pool.reset_peak();
    const double begin = mf::steady_seconds();
    mf::train(optimizer,
              {.epochs = std::max<isize>(1, steps / (data.size / batch_size)),
               .samples = data.size,
               .batch_size = batch_size,
               .learning_rate = 2e-3,
               .schedule = mf::schedule::warm_up(20, mf::schedule::cosine(std::max<isize>(21, steps))),
               .clip_norm = 1,
               .seed = std::uint64_t(seed),
               .progress = nullptr},
              [&](const mf::training_step& now) {
                std::vector<std::int32_t> labels;
                for (const isize i : now.items) labels.push_back(data.labels[std::size_t(i)]);
                const mf::tensor<mf::rebind<dev, std::int32_t>, mf::shape<mf::batch<>>> truth(
                    mf::shape<mf::batch<>>(std::ssize(now.items)), labels);
                return mf::cross_entropy((*model)(now.record(gather<frames, cells>(data.lips, now.items)),
                                                  now.record(gather<sounds, bins>(data.voice, now.items)),
                                                  now.record(gather<frames, cells>(data.movement, now.items))),
                                         truth, {.smoothing = 0.1});
              });
    const isize taken = std::max<isize>(1, steps / (data.size / batch_size)) * (data.size / batch_size);
    result.training_ms += 1e3 * (mf::steady_seconds() - begin) / double(taken * seeds);
    result.peak_mib = double(pool.statistics().peak) / (1 << 20);
    const double tested = mf::steady_seconds();
    result.accuracy.push_back(accuracy_of<C>(*model, test));
    result.inference_ms += 1e3 * (mf::steady_seconds() - tested) / double(test.size * seeds);
  }
  std::printf("%-22s %s %%  %7.2f MFLOP  %6.1f ms a step  %6.3f ms a clip  %6.1f MiB\n", result.name.c_str(),
              examples::spread(result.accuracy).text().c_str(), result.forward_flops / 1e6, result.training_ms, result.inference_ms,
              result.peak_mib);
  std::fflush(stdout);
  return result;
}

void run(const examples::example_arguments& arguments) {
  const auto location = examples::find_data({.requested = arguments.data}, std::cout);
  if (!location.has_grid())
    throw multifuse::file_error(location.folder.string(), "no sentences", "a folder av_grid", "digits only");
  const auto load = [&](const char* split) {
    const examples::noise_bank noise(location.digits(), split);
    return prepare(examples::av_grid(location.grid(), split)
                       .words({.task = examples::grid_task::digit, .frames = frames, .snr_db = 0, .noise_key = {1}}, &noise));
  };
  clips data = load("train"), test = load("val");
  for (const auto part : {&clips::lips, &clips::voice, &clips::movement}) {
    const auto measured = examples::statistics::of(data.*part);
    measured.normalize(data.*part), measured.normalize(test.*part);
  }
  const isize steps = arguments.quick ? 10 : 400;
  const int seeds = arguments.quick ? 1 : 3;
  using enum mf::pooling_kind;
  const std::vector<outcome> found{train<with(none)>("no pooling", data, test, steps, seeds),
                                   train<with(max)>("largest of windows", data, test, steps, seeds),
                                   train<with(top_tokens)>("most attended tokens", data, test, steps, seeds)};

  using examples::fixed_text;
  examples::scatter_plot plot{.title = "Accuracy against cost",
                              .x = {.label = "MFLOP of a clip, forward"},
                              .y = {.label = "accuracy, %"},
                              .points = {}};
  examples::text_table table{.columns = {"pooling", "accuracy, %", "fused tokens", "MFLOP", "parameters", "ms a step",
                                         "ms a clip", "peak MiB"}};
  for (const outcome& one : found) {
    const examples::spread accuracy(one.accuracy);
    plot.points.push_back({one.name, one.tokens > 50 ? "all tokens" : "pooled", one.forward_flops / 1e6,
                           accuracy.mean, accuracy.mean - accuracy.deviation, accuracy.mean + accuracy.deviation});
    table.rows.push_back({one.name, accuracy.text(),
                          std::to_string(one.tokens), fixed_text(one.forward_flops / 1e6, 2), std::to_string(one.parameters),
                          fixed_text(one.training_ms, 1), fixed_text(one.inference_ms, 3), fixed_text(one.peak_mib, 1)});
  }
  const std::string drawing = plot.svg();
  examples::report page("SFT: few tokens are enough",
                        "Ten digits from lips, voice at 0 dB and movement; " + std::to_string(test.size) + " test words");
  page.table(table, "Mean and standard deviation over " + std::to_string(seeds) + " seeds, " + std::to_string(steps) +
                        " steps of " + std::to_string(batch_size) + ".");
  page.figure(drawing, "Error bars: one standard deviation over the seeds.").write(arguments.out);
  if (!arguments.plot.empty()) examples::write_drawing(arguments.plot, drawing);
  std::printf("pooling costs %.1f times less arithmetic\nreport: %s\n", found[0].forward_flops / found[1].forward_flops,
              arguments.out.c_str());
}
}  // namespace

int main(int count, char** arguments) { return examples::run_example(count, arguments, "sft.html", run); }
