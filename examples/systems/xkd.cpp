// XKD on handwritten and spoken digits without labels: masked autoencoders of pictures and voices that also learn from
// each other's teachers (distillation) and keep the outputs of both alike (alignment), each switched on and off. The
// domain gap is the discrepancy between the students' outputs; a linear classifier on frozen features says what they
// are good for.
//
//   xkd [--data DIR] [--out FILE.html] [--plot FILE.svg] [--quick]
#include <cstdio>
#include <future>
#include <iostream>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/modalities/clip_augment.hpp>
#include <multifuse/systems/xkd.hpp>
#include <multifuse/train/adam.hpp>
#include <multifuse/train/evaluate/linear_probe.hpp>
#include <multifuse/train/schedule.hpp>
#include <multifuse/train/trainer.hpp>
#include <numeric>

#include "support/av_digits.hpp"
#include "support/example_arguments.hpp"
#include "support/find_data.hpp"
#include "support/plot.hpp"
#include "support/report.hpp"
#include "support/spread.hpp"

namespace mf = multifuse;
namespace xkd = multifuse::xkd;
using mf::isize;
using D = mf::cpu<float>;

namespace {

constexpr isize side = 28, part_side = 21, bins = 24, sound = 96, part_of_sound = 64;
constexpr xkd::config model_config{.clip = {1, side, side}, .tubelet = {1, 7, 7},
                                   .spectrogram = {1, bins, sound}, .patch = {1, 6, 8},
                                   .channels = 1, .width = 48, .heads = 4, .depth = 2,
                                   .decoder_width = 32, .decoder_heads = 4, .decoder_depth = 1,
                                   .head = {64, 32, 64}, .video_masked = 0.6, .audio_masked = 0.6};
using network = xkd::model<D, model_config>;
using clips = mf::shape<mf::batch<>, mf::frames<>, mf::rows<>, mf::columns<>, mf::channels<1>>;
using sounds = mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<1>>;

struct settings {
  isize steps = 300, seeds = 3, batch = 32, pairs = 1500;
};

/// Pictures from 0 to 1 and log-mel energies [bins, time] of a second with a spoken digit, and the digit, for measuring
/// alone.
struct pairs {
  std::vector<mf::clip> pictures, voices;  ///< of one frame
  std::vector<isize> labels;
  examples::statistics scale;  ///< of its voices
  isize size() const { return std::ssize(labels); }
};
pairs load(const std::filesystem::path& folder, std::string_view split, isize most) {
  auto set = examples::av_digits(folder, split).pairs({.degrade_pictures = false, .noise = false});
  const isize size = std::min(most, set.size);
  auto config = examples::speech_log_mel();
  config.bins = bins;
  const auto energies = examples::log_mel_of(set, config);
  pairs made{{}, {}, {set.labels.begin(), set.labels.begin() + size}, examples::statistics::of(energies.values)};
  for (isize i = 0; i < size; ++i) {
    const auto pixels = set.video_of(i);
    mf::clip voice{1, bins, sound, 1, {}};
    for (isize b = 0; b < bins; ++b)
      for (isize t = 0; t < sound; ++t)
        voice.pixels.push_back(energies.values[std::size_t((i * energies.frames + t) * bins + b)]);
    made.pictures.push_back({1, side, side, 1, {pixels.begin(), pixels.end()}});
    made.voices.push_back(std::move(voice));
  }
  return made;
}

template <class S>
mf::tensor<D, S> stacked(const S& shape, const std::vector<mf::clip>& views, const examples::statistics& scale) {
  std::vector<float> all;
  for (const mf::clip& one : views) all.insert(all.end(), one.pixels.begin(), one.pixels.end());
  scale.normalize(all);
  return {shape, std::span<const float>(all)};
}

struct batch {
  xkd::both<mf::tensor<D, clips>, mf::tensor<D, sounds>> whole, parts;
};

/// Whole and partial views of items: random ones with a key, the whole and its middle without.
batch views_of(const pairs& set, const examples::statistics& scale, std::span<const isize> items,
               const mf::random_key* key) {
  std::vector<mf::clip> wholes, parts, voices, voice_parts;
  for (isize n = 0; n < std::ssize(items); ++n) {
    const auto item = std::size_t(items[std::size_t(n)]);
    const auto &picture = set.pictures[item], &voice = set.voices[item];
    const mf::random_key own = key ? key->split(std::uint64_t(n)) : mf::random_key{};
    isize drawn = 0;
    const auto draw = [&] { return key ? mf::uniform(own, drawn++) : 0.5; };
    const mf::color_jitter jitter = key ? mf::color_jitter{0.4, 0.4, 0, 0} : mf::color_jitter{};
    const double blurred = key ? 0.5 : 0, least = key ? 0.6 : 1;
    wholes.push_back(mf::random_view(
        picture, {.rows = side, .columns = side, .least_area = least, .flipped = 0, .jitter = jitter}, draw));
    parts.push_back(mf::random_view(picture,
                                    {.rows = part_side, .columns = part_side, .least_area = 0.4, .most_area = 0.8,
                                     .flipped = 0, .jitter = jitter, .blurred = blurred, .most_blur = 1},
                                    draw));
    mf::clip louder = voice;
    const double volume = 0.8 + 0.4 * draw();  // 1 without a key; energies are its square
    for (float& v : louder.pixels) v += float(2 * std::log(volume));
    const isize from = isize(draw() * double(sound - part_of_sound + 1));
    voice_parts.push_back(mf::crop_and_resize(louder, {0, double(from), bins, part_of_sound}, bins, part_of_sound));
    voices.push_back(std::move(louder));
  }
  const isize n = std::ssize(items);
  const examples::statistics pixels{0.13, 0.31};
  return {{stacked(clips(n, 1, side, side), wholes, pixels), stacked(sounds(n, bins, sound), voices, scale)},
          {stacked(clips(n, 1, part_side, part_side), parts, pixels),
           stacked(sounds(n, bins, part_of_sound), voice_parts, scale)}};
}

/// A modality's views with a random masking; `on` may put them on a tape.
template <class M> auto masked(const batch& seen, mf::random_key key, const auto& on) {
  const auto& whole = xkd::of<M>(seen.whole);
  const isize tokens = model_config.view<M>().grid().elements();
  const auto noise = mf::masking_noise<D>(whole.dims()[0], tokens, key.split(M::name));
  return xkd::views{on(whole), on(xkd::of<M>(seen.parts)), mf::mask_by_noise(noise, model_config.visible<M>())};
}

struct strategy {
  std::string name;
  double alignment, distillation;  ///< weights; a negative one: not trained
};

/// Discrepancy, distillation, reconstruction of validation items, accuracies of probes of pictures and voices.
using measures = std::array<double, 5>;

struct material {
  pairs train, val;
};
measures measure(const network& model, const material& data) {
  const pairs &train = data.train, &val = data.val;
  std::vector<isize> all(val.labels.size());
  std::iota(all.begin(), all.end(), 0);
  const batch seen = views_of(val, train.scale, all, nullptr);
  const auto same = [](const auto& x) { return x; };
  const auto made = model(masked<xkd::video>(seen, {99, 1}, same), masked<xkd::audio>(seen, {99, 1}, same));
  const auto number = [](const auto& x) { return double(x.to_host()[0]); };
  const auto features = [&]<class M>(M*, const pairs& set) {
    std::vector<float> rows;
    for (isize first = 0; first < set.size(); first += 100) {
      std::vector<isize> items(std::size_t(std::min<isize>(100, set.size() - first)));
      std::iota(items.begin(), items.end(), first);
      const batch part = views_of(set, train.scale, items, nullptr);
      const auto tokens = model.students.encode<M>(xkd::of<M>(model.students.outer).tokens(xkd::of<M>(part.whole)));
      const auto means = mf::mean<mf::tokens_axis>(mf::without_class_token(tokens)).to_host();
      rows.insert(rows.end(), means.begin(), means.end());
    }
    return rows;
  };
  const auto probe = [&]<class M>(M* modality) {
    return mf::linear_probe_accuracy({features(modality, train), train.labels}, {features(modality, val), val.labels});
  };
  const auto& [pictures, voices] = made.students;
  return {number(made.student_alignment), 0.5 * (number(made.to_audio) + number(made.to_video)),
          0.5 * (number(pictures.reconstruction) + number(voices.reconstruction)),
          probe(static_cast<xkd::video*>(nullptr)), probe(static_cast<xkd::audio*>(nullptr))};
}

measures run(const settings& chosen, const strategy& how, const material& data, std::uint64_t seed) {
  network model;
  mf::initialize(model, seed);
  model.update_teachers(0, 0);
  if (how.alignment < 0) return measure(model, data);
  mf::adam<D> optimizer(model, {.second_beta = 0.95, .weight_decay = 0.05});
  const xkd::settings weights{.alignment = how.alignment, .distillation = how.distillation,
                              .teachers_see = xkd::teacher_input::whole};
  const xkd::recipe published{.steps = chosen.steps, .warm_up = chosen.steps / 10, .first_decay = 0.99};
  mf::train(optimizer,
            {.steps_per_epoch = chosen.steps,
             .learning_rate = 1e-3,
             .schedule = [&](isize step) { return published.rate(step); },
             .clip_norm = 1,
             .seed = seed,
             .after_step = 
                 [&](const mf::step_report& now) {
                   const double decay = published.decay(now.step);
                   model.update_teachers(decay, decay);
                 },
             .progress = nullptr},
            [&](const mf::training_step& now) {
              std::vector<isize> items;
              for (isize n = 0; n < chosen.batch; ++n)
                items.push_back(mf::uniform_integer(now.random.split("items"), n, data.train.size()));
              const batch seen = views_of(data.train, data.train.scale, items, &now.random);
              const auto on = [&](const auto& x) { return now.record(x); };
              const auto made =
                  model(masked<xkd::video>(seen, now.random, on), masked<xkd::audio>(seen, now.random, on),
                        published.at(now.step, weights));
              model.update_centers(made);
              return made.total;
            });
  return measure(model, data);
}

void show(const examples::example_arguments& arguments) {
  const settings chosen = arguments.quick ? settings{.steps = 10, .seeds = 1, .batch = 16, .pairs = 100} : settings{};
  const auto location = examples::find_data({.requested = arguments.data}, std::cerr);
  const material all{load(location.digits(), "train", chosen.pairs),
                     load(location.digits(), "val", chosen.pairs)};
  const std::vector<strategy> strategies{
      {"untrained", -1, 0}, {"reconstruction", 0, 0}, {"+ distillation", 0, 1}, {"+ alignment", 1, 0}, {"XKD", 1, 1}};
  examples::text_table table{{"losses", "domain gap", "distillation", "reconstruction", "probe picture",
                              "probe voice"}};
  examples::bar_plot gap{.title = "Domain gap of pictures and voices",
                         .value = {"discrepancy"},
                         .groups = {{"gap", {}}}};
  std::vector<std::future<measures>> runs;  // each is the same whatever runs beside it
  for (const strategy& how : strategies)
    for (isize seed = 1; seed <= chosen.seeds; ++seed)
      runs.push_back(std::async(std::launch::async, [&, seed] { return run(chosen, how, all, std::uint64_t(seed)); }));
  auto next = runs.begin();
  for (const strategy& how : strategies) {
    std::vector<measures> found;
    for (isize seed = 0; seed < chosen.seeds; ++seed, ++next) found.push_back(next->get());
    table.rows.push_back({how.name}), gap.categories.push_back(how.name);
    for (std::size_t k = 0; k < 5; ++k) {
      std::vector<double> values;
      for (const measures& one : found) values.push_back(one[k]);
      const examples::spread over_seeds(values);
      const std::string text = k < 3 ? over_seeds.text(3) : over_seeds.text(1, 100);
      table.rows.back().push_back(text);
      std::cout << (k ? ", " : how.name + ": ") << table.columns[k + 1] << " " << text;
      if (k == 0) gap.groups[0].values.push_back(over_seeds.mean), gap.groups[0].errors.push_back(over_seeds.deviation);
    }
    std::cout << std::endl;
  }
  examples::report page("XKD: learning from the other modality's teacher", location.description);
  page.paragraph("Digits, written and spoken; " + std::to_string(chosen.steps) + " steps without labels, seeds: " +
                 std::to_string(chosen.seeds) + ", pairs to measure on: " + std::to_string(all.val.size()) + ".");
  page.table(table, "Mean and standard deviation; probes in percent, chance is 10");
  page.figure(gap.svg(), "Between the students' outputs, smaller is closer. Bars: one standard deviation.", true);
  page.write(arguments.out);
  if (!arguments.plot.empty()) examples::write_drawing(arguments.plot, gap.svg());
  std::cout << "report: " << arguments.out.string() << "\n";
}

}  // namespace

int main(int count, char** arguments) { return examples::run_example(count, arguments, "xkd.html", show); }
