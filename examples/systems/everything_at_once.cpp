// Everything at Once on talking faces: which of a hundred sentences does this text, this face or this voice in noise
// belong to? One transformer embeds text, lips and voice, alone and together. The claim: two modalities fused in the
// transformer are found better than the average of the two alone, and training on fused pairs is what teaches it.
//
//   everything_at_once [--data DIR] [--out FILE.html] [--plot FILE.svg] [--quick]
#include <cmath>
#include <cstdio>
#include <functional>
#include <future>
#include <memory>

#include "multifuse/multifuse.hpp"
#include "multifuse/systems/everything_at_once.hpp"
#include "support/av_grid.hpp"
#include "support/example_arguments.hpp"
#include "support/find_data.hpp"
#include "support/plot.hpp"
#include "support/report.hpp"
#include "support/spread.hpp"

namespace {
namespace mf = multifuse;
namespace eao = multifuse::everything_at_once;
using mf::isize;
using dev = mf::cpu<float>;

constexpr isize words = 51, bins = 26, cells = 8 * 8, token_frames = 4, batch_size = 50, noisy_copies = 4;
constexpr eao::config configured(bool separate) {
  return {.text_features = words,
          .video_features = token_frames * cells,
          .bins = bins,
          .audio_network = {.widths = {32, 32, 48, 64, 64}, .blocks = {1, 1, 1, 1}},
          .width = 64,
          .heads = 4,
          .projection = 96,
          .separate_blocks = separate};
}

/// One modality of all sentences, each of a length of its own: [tokens, width].
struct sequences {
  isize width;
  std::vector<std::vector<float>> items;

  void standardize(const examples::statistics& scale) {
    for (auto& one : items) scale.normalize(one);
  }
  examples::statistics scale() const {
    std::vector<float> all;
    for (const auto& one : items) all.insert(all.end(), one.begin(), one.end());
    return examples::statistics::of(all);
  }
};

/// The chosen items, padded to the longest of them, with their mask.
template <isize Width> auto batch_of(const sequences& from, std::span<const isize> chosen) {
  std::vector<isize> lengths;
  for (const isize i : chosen) lengths.push_back(std::ssize(from.items[std::size_t(i)]) / Width);
  const isize longest = *std::max_element(lengths.begin(), lengths.end());
  std::vector<float> values;
  for (const isize i : chosen) {
    const auto padded = mf::fit_rows(from.items[std::size_t(i)], Width, longest);
    values.insert(values.end(), padded.begin(), padded.end());
  }
  using S = mf::shape<mf::batch<>, mf::tokens<>, mf::width<Width>>;
  return mf::masked_tokens{mf::tensor<dev, S>(S(std::ssize(chosen), longest), values),
                           mf::mask_of_lengths<dev>(lengths, longest)};
}

struct sentences {
  isize size = 0;
  sequences text{words, {}}, lips{token_frames * cells, {}};
  std::vector<sequences> voice = {};  ///< with different noise each
};

/// Text: six words, each one place of 51. Lips: 8 x 8 cells a frame, four frames a token, a token every two frames.
/// Voice: log-mel energies every 10 ms, in noise as loud as the speech.
sentences load(const examples::data_location& where, std::string_view split, isize copies) {
  const examples::av_grid grid(where.grid(), split);
  const examples::noise_bank noise(where.digits(), split);
  sentences made{.size = grid.utterances()};
  made.text.items.resize(std::size_t(made.size), std::vector<float>(6 * words, 0.0f));
  isize first = 0;
  for (int place = 0; place < 6; ++place) {
    const auto known = grid.words({.task = examples::grid_task(place), .frames = 1});
    for (isize i = 0; i < made.size; ++i)
      made.text.items[std::size_t(i)][std::size_t(place * words + first + known.labels[std::size_t(i)])] = 1;
    first += std::ssize(known.classes);
  }
  made.voice.resize(std::size_t(copies), sequences{bins, {}});
  for (isize i = 0; i < made.size; ++i) {
    auto clip = grid.empty_set(1);
    clip.frames = grid.length(i), clip.samples = clip.frames * examples::av_grid::samples_per_frame;
    grid.append(clip, i, 0, 0);
    std::vector<float> cell;  // [frames, 8, 8]
    for (isize f = 0; f < clip.frames; ++f)
      for (isize c = 0; c < cells; ++c) {
        float sum = 0;
        for (isize y = 0; y < 3; ++y)
          for (isize x = 0; x < 4; ++x)
            sum += clip.video[std::size_t((f * clip.rows + c / 8 * 3 + y) * clip.columns + c % 8 * 4 + x)];
        cell.push_back(sum / 12);
      }
    auto& tokens = made.lips.items.emplace_back();
    for (isize f = 0; f + token_frames <= clip.frames; f += 2)
      tokens.insert(tokens.end(), cell.begin() + f * cells, cell.begin() + (f + token_frames) * cells);
    for (isize copy = 0; copy < copies; ++copy) {
      auto noisy = clip;
      noise.mix(noisy.audio, 0, mf::random_key{7, std::uint64_t(copy)}.split(std::uint64_t(i)));
      const double level = examples::detail::root_mean_square(noisy.audio);
      for (float& x : noisy.audio) x = float(x / level);
      made.voice[std::size_t(copy)].items.push_back(examples::log_mel_of(noisy).values);
    }
  }
  return made;
}

/// How well one side finds the other: shares of queries and the median rank.
struct found {
  double first, fifth, median;
};
constexpr const char* directions[] = {"text to lips",           "text to voice",       "text to both, averaged",
                                      "text to both, fused",    "lips to both, averaged", "lips to both, fused",
                                      "voice to both, averaged", "voice to both, fused"};

/// All directions on the test sentences.
template <eao::config C> std::vector<found> retrieve(const eao::model<dev, C>& model, const sentences& test) {
  std::vector<isize> all(std::size_t(test.size));
  std::iota(all.begin(), all.end(), isize(0));
  const auto z = model(batch_of<words>(test.text, all), batch_of<token_frames * cells>(test.lips, all),
                       batch_of<bins>(test.voice[0], all)).of;
  using eao::audio, eao::text, eao::video;
  const auto t = get<mf::streams<text>>(z), v = get<mf::streams<video>>(z), a = get<mf::streams<audio>>(z);
  const auto alone = mf::bundle_of<text, video, audio>(t, v, a);
  std::vector<found> results;
  const auto ask = [&](const auto& query, const auto& target) {
    const auto similarity = mf::matmul<mf::width_axis>(
        mf::l2_normalize(query), mf::rename<mf::batch_axis, mf::columns_axis>(mf::l2_normalize(target)));
    const auto ranks = mf::retrieval_ranks(similarity.to_host(), test.size, mf::paired_items{});
    results.push_back({100 * mf::recall_at(ranks, 1), 100 * mf::recall_at(ranks, 5), mf::median_rank(ranks)});
  };
  ask(t, v), ask(t, a);
  ask(t, eao::model<dev, C>::averaged(mf::streams<video, audio>{}, alone)), ask(t, get<mf::streams<video, audio>>(z));
  ask(v, eao::model<dev, C>::averaged(mf::streams<text, audio>{}, alone)), ask(v, get<mf::streams<text, audio>>(z));
  ask(a, eao::model<dev, C>::averaged(mf::streams<text, video>{}, alone)), ask(a, get<mf::streams<text, video>>(z));
  return results;
}

/// Trains with the weight of the three fused terms, and asks.
template <eao::config C>
std::vector<found> run(const sentences& train, const sentences& test, double fused, isize steps, std::uint64_t seed) {
  const auto model = std::make_unique<eao::model<dev, C>>();
  const auto start = [](auto& transformer) {
    for (auto& block : transformer.layers)  // 0.02 at the published width of 4096; the same spread of sums here
      for (auto* const layer : {&block.attention.query, &block.attention.key, &block.attention.values,
                                &block.attention.output, &block.feed_forward.expand, &block.feed_forward.contract})
        layer->weight.set_start(mf::init::truncated_normal(0.02 * std::sqrt(4096.0 / double(C.width))));
  };
  if constexpr (C.separate_blocks)
    start(model->blocks.template layer<eao::text>()), start(model->blocks.template layer<eao::video>()),
        start(model->blocks.template layer<eao::audio>());
  else
    start(model->blocks);
  mf::initialize(*model, seed);
  mf::adam<dev> optimizer(*model, {.weight_decay = 0.05});
  const isize epochs = std::max<isize>(1, steps / (train.size / batch_size));
  mf::train(optimizer,
            {.epochs = epochs,
             .samples = train.size,
             .batch_size = batch_size,
             .learning_rate = 2e-3,
             .schedule = mf::schedule::warm_up(20, mf::schedule::cosine(std::max<isize>(21, steps))),
             .clip_norm = 1,
             .seed = seed,
             .progress = nullptr},
            [&](const mf::training_step& now) {
              const auto on_tape = [&](const auto& x) { return mf::masked_tokens{now.record(x.content), x.kept}; };
              const auto& voice = train.voice[std::size_t(mf::uniform_integer(now.random, 0, noisy_copies))];
              const auto z = (*model)(on_tape(batch_of<words>(train.text, now.items)),
                                      on_tape(batch_of<token_frames * cells>(train.lips, now.items)),
                                      on_tape(batch_of<bins>(voice, now.items)));
              return eao::loss(z, {.text_video = 1, .text_audio = 1, .video_audio = 1,
                                   .text_with_video_audio = fused, .video_with_text_audio = fused,
                                   .audio_with_text_video = fused});
            });
  return retrieve<C>(*model, test);
}

void show(const examples::example_arguments& arguments) {
  const isize steps = arguments.quick ? 20 : 300, seeds = arguments.quick ? 1 : 3;
  const auto where = examples::find_data({.requested = arguments.data}, std::cerr);
  if (!where.has_grid())
    throw mf::file_error(where.folder.string(), "no sentences", "av_grid", "spoken and written digits alone");
  auto train = load(where, "train", noisy_copies), test = load(where, "val", 1);
  const auto lips = train.lips.scale(), voice = train.voice[0].scale();
  for (auto* const set : {&train, &test}) {
    set->lips.standardize(lips);
    for (auto& copy : set->voice) copy.standardize(voice);
  }

  examples::text_table table{{"direction", "six terms: R@1", "R@5", "median rank", "three terms: R@1", "R@5",
                              "median rank", "separate transformers: R@1", "R@5", "median rank"}};
  examples::bar_plot bars{.title = "Found first among " + std::to_string(test.size) + " sentences",
                          .value = {"R@1, %"},
                          .categories = {std::begin(directions), std::end(directions)}};
  for (const char* const direction : directions) table.rows.push_back({direction});
  struct training {
    const char* name;
    std::vector<found> (*run)(const sentences&, const sentences&, double, isize, std::uint64_t);
    double fused;  ///< weight of the terms of pairs
  };
  const std::vector<training> trainings{{"six terms", &run<configured(false)>, 1},
                                        {"three single-modality terms", &run<configured(false)>, 0},
                                        {"a transformer for each modality", &run<configured(true)>, 1}};
  std::vector<std::future<std::vector<found>>> started;  // each is the same whatever runs beside it
  for (const training& one : trainings)
    for (isize seed = 1; seed <= seeds; ++seed)
      started.push_back(std::async(std::launch::async, one.run, std::cref(train), std::cref(test), one.fused, steps,
                                   std::uint64_t(seed)));
  auto next = started.begin();
  for (const auto& [name, how, fused] : trainings) {
    std::vector<std::vector<found>> runs;
    for (isize seed = 1; seed <= seeds; ++seed, ++next) runs.push_back(next->get());
    examples::bar_series bar{name, {}, {}};
    std::printf("%s\n", name);
    for (std::size_t d = 0; d < table.rows.size(); ++d) {
      const auto over_seeds = [&](double found::*number) {
        std::vector<double> values;
        for (const auto& one : runs) values.push_back(one[d].*number);
        return examples::spread(values);
      };
      const examples::spread first = over_seeds(&found::first);
      const std::string texts[]{first.text(), examples::fixed_text(over_seeds(&found::fifth).mean, 1),
                                examples::fixed_text(over_seeds(&found::median).mean, 1)};
      table.rows[d].insert(table.rows[d].end(), std::begin(texts), std::end(texts));
      bar.values.push_back(first.mean), bar.errors.push_back(first.deviation);
      std::printf("  %-32s R@1 %-12s R@5 %s, median rank %s\n", directions[d], texts[0].c_str(), texts[1].c_str(),
                  texts[2].c_str());
      std::fflush(stdout);
    }
    bars.groups.push_back(std::move(bar));
  }
  table.emphasized = {3, 5, 7};

  examples::report page("Everything at Once: text, lips and voice in one space", where.description);
  page.paragraph(
      "One transformer without modality or position embeddings takes the words of a sentence, lips, or a voice in "
      "noise as loud as the speech, alone or two at once. Each test sentence looks for its other half among " +
      std::to_string(test.size) + ". Six terms: the loss contrasts single modalities and fused pairs; three terms: "
      "single modalities alone, so that fused embeddings were never trained. Separate transformers: one for each "
      "modality, six terms; pairs are averaged. Percent; mean and standard deviation "
      "over " + std::to_string(seeds) + " seeds, about " + std::to_string(steps) + " steps each.");
  page.table(table, "Retrieval on held-out sentences; in bold, two modalities fused in the transformer");
  page.figure(bars.svg(), "Both: the other two modalities. Averaged: the mean of their embeddings, each computed "
                          "alone. Error bars: one standard deviation over the seeds.", true);
  page.write(arguments.out);
  if (!arguments.plot.empty()) examples::write_drawing(arguments.plot, bars.svg());
  std::printf("report: %s\n", arguments.out.string().c_str());
}

}  // namespace

int main(int count, char** arguments) {
  return examples::run_example(count, arguments, "everything_at_once.html", show);
}
