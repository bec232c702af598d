// XDC on handwritten and spoken digits: two small networks that never see a label learn from clusters, their own (SDC),
// both (MDC), joint ones (CDC) or the other modality's (XDC). What they have learned shows in how well clusters and a
// linear classifier on their features agree with the digits.
//
//   xdc [--data DIR] [--out FILE.html] [--plot FILE.svg] [--quick]
#include <cstdio>
#include <future>
#include <iostream>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/metrics/clustering.hpp>
#include <multifuse/systems/xdc.hpp>
#include <multifuse/train/adam.hpp>
#include <multifuse/train/evaluate/linear_probe.hpp>
#include <multifuse/train/pseudo_labels.hpp>
#include <multifuse/train/trainer.hpp>

#include "support/av_digits.hpp"
#include "support/example_arguments.hpp"
#include "support/find_data.hpp"
#include "support/plot.hpp"
#include "support/report.hpp"
#include "support/spread.hpp"

namespace mf = multifuse;
namespace xdc = multifuse::xdc;
using mf::isize;
using D = mf::cpu<float>;
using images = mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<1>>;

namespace {

constexpr xdc::clusters clusters{.video = 20, .audio = 20, .both = 20};

struct settings {
  isize pairs = 1500, seeds = 3, rounds = 8, epochs = 3, batch = 50;
};

/// Pictures of one modality, [size, rows, columns].
struct pictures {
  isize size, rows, columns;
  std::vector<float> values;

  /// With a key: each moved by up to two places along both axes, and noise added.
  mf::tensor<D, images> batch(std::span<const isize> items, const mf::random_key* key = nullptr) const {
    std::vector<float> made;
    for (isize n = 0; n < std::ssize(items); ++n) {
      const float* const from = values.data() + items[std::size_t(n)] * rows * columns;
      const mf::random_key own = key ? key->split(std::uint64_t(n)) : mf::random_key{};
      const isize down = key ? mf::uniform_integer(own.split(1), 0, 5) - 2 : 0;
      const isize across = key ? mf::uniform_integer(own.split(1), 1, 5) - 2 : 0;
      for (isize r = 0; r < rows; ++r)
        for (isize c = 0; c < columns; ++c) {
          const isize y = std::clamp<isize>(r + down, 0, rows - 1), x = std::clamp<isize>(c + across, 0, columns - 1);
          const double noise = key ? 0.1 * mf::normal(own, r * columns + c) : 0.0;
          made.push_back(from[y * columns + x] + float(noise));
        }
    }
    return {images(std::ssize(items), rows, columns), std::span<const float>(made)};
  }
};

struct pairs {
  pictures video, audio;
  std::vector<isize> labels;  ///< for measuring alone
};

/// The first pairs of a split, without the degradation of the pictures and without noise.
pairs load(const std::filesystem::path& folder, std::string_view split, isize most) {
  auto set = examples::av_digits(folder, split).pairs({.degrade_pictures = false, .noise = false});
  const isize size = set.size = std::min(most, set.size);
  const auto sound = examples::log_mel_of(set);
  return {{size, set.rows, set.columns, {set.video.begin(), set.video.begin() + size * set.rows * set.columns}},
          {size, sound.frames, sound.bins, sound.values},
          {set.labels.begin(), set.labels.begin() + size}};
}

template <isize In, isize Out> struct unit {
  mf::convolution<D, In, Out, mf::window_config{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, 1, false> layer;
  mf::batch_norm<D, Out> norm;
  constexpr void members(auto&& visit) { visit("layer", layer), visit("norm", norm); }
  constexpr auto operator()(const auto& x) const { return mf::evaluate(mf::relu(norm(layer(x)))); }
};

/// Three convolutions that halve both axes, and the mean: [batch, rows, columns, 1] -> [batch, 32].
template <bool Audio> struct encoder {
  using device = D;
  static constexpr bool is_audio = Audio;
  static constexpr isize width = 32;
  mf::sequential<unit<1, 8>, unit<8, 16>, unit<16, 32>> units;
  constexpr void members(auto&& visit) { units.members(visit); }
  constexpr auto operator()(const auto& x) const {
    return mf::rename<mf::channels_axis, mf::width_axis>(mf::mean<mf::rows_axis, mf::columns_axis>(units(x)));
  }
};

/// Purities, mutual information and accuracies of probes, of pictures and sounds in turn: before each round, at the end.
using outcome = std::vector<std::array<double, 6>>;

std::vector<float> features_of(const auto& network, const pictures& data) {
  std::vector<float> all;
  for (isize first = 0; first < data.size; first += 100) {
    std::vector<isize> items(std::size_t(std::min<isize>(100, data.size - first)));
    std::iota(items.begin(), items.end(), first);
    const auto part = network(data.batch(items)).to_host();
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

auto numbers_of(const mf::clustering& found, std::span<const isize> items) {
  std::vector<std::int32_t> numbers;
  for (const isize item : items) numbers.push_back(std::int32_t(found.assignments[std::size_t(item)]));
  return xdc::pseudo_labels<D>::numbers(mf::shape<mf::batch<>>(std::ssize(items)),
                                        std::span<const std::int32_t>(numbers));
}

template <xdc::strategy S>
outcome run(const settings& chosen, const pairs& train, const pairs& val, std::uint64_t seed) {
  xdc::network<encoder<false>, S, clusters> video;
  xdc::network<encoder<true>, S, clusters> audio;
  mf::initialize(video, seed), mf::initialize(audio, seed);
  outcome made;
  using features = mf::tensor<D, mf::shape<mf::batch<>, mf::width<32>>>;
  const features::shape_type rows(train.video.size);
  const auto teach = [&](auto& network, const pictures& data, const std::array<mf::clustering, 3>& found, isize round) {
    mf::initialize(network.heads, 1000 * seed + std::uint64_t(round));
    const auto& sampled = found[std::size_t(network.heads.first_source)];
    mf::adam<D> optimizer(network);
    mf::train(optimizer,
              {.epochs = chosen.epochs,
               .steps_per_epoch = chosen.pairs / chosen.batch,
               .learning_rate = 2e-3,
               .seed = 1000 * seed + std::uint64_t(round),
               .progress = nullptr},
              [&](const mf::training_step& now) {
                const auto items = mf::uniform_over_clusters(sampled.assignments, now.random.split(7), chosen.batch);
                return network.loss(
                    now.record(data.batch(items, &now.random)),
                    {numbers_of(found[0], items), numbers_of(found[1], items), numbers_of(found[2], items)});
              });
  };
  const auto probe = [&](const auto& network, const pictures& known, const pictures& asked) {
    return mf::linear_probe_accuracy({features_of(network, known), train.labels},
                                     {features_of(network, asked), val.labels});
  };
  // one more round than is trained, for the clusters at the end
  mf::train_on_pseudo_labels(
      {.rounds = chosen.rounds + 1, .seed = seed},
      [&](isize) {
        auto v = features_of(video, train.video), a = features_of(audio, train.audio);
        auto both = xdc::concatenated_features(features(rows, v), features(rows, a)).to_host();
        return std::array<mf::features_to_cluster, 3>{{{std::move(v), 32, clusters.video},
                                                       {std::move(a), 32, clusters.audio},
                                                       {std::move(both), 64, clusters.both}}};
      },
      [&](isize round, const std::array<mf::clustering, 3>& found) {
        const auto &v = found[0].assignments, &a = found[1].assignments;
        const auto& y = train.labels;
        made.push_back({mf::purity(v, y), mf::purity(a, y), mf::normalized_mutual_information(v, y),
                        mf::normalized_mutual_information(a, y), probe(video, train.video, val.video),
                        probe(audio, train.audio, val.audio)});
        if (round == chosen.rounds) return;
        teach(video, train.video, found, round), teach(audio, train.audio, found, round);
      });
  return made;
}

void show(const examples::example_arguments& arguments) {
  const settings chosen = arguments.quick ? settings{.pairs = 300, .seeds = 1, .rounds = 2, .epochs = 1} : settings{};
  const auto location = examples::find_data({.requested = arguments.data}, std::cerr);
  auto train = load(location.digits(), "train", chosen.pairs), val = load(location.digits(), "val", chosen.pairs);
  for (auto member : {&pairs::video, &pairs::audio}) {
    const auto scale = examples::statistics::of((train.*member).values);
    scale.normalize((train.*member).values), scale.normalize((val.*member).values);
  }
  using runner = outcome (*)(const settings&, const pairs&, const pairs&, std::uint64_t);
  const std::vector<std::pair<std::string, runner>> strategies{
      {"SDC (own clusters)", &run<xdc::strategy::single>},
      {"MDC (two heads)", &run<xdc::strategy::multi_head>},
      {"CDC (joint clusters)", &run<xdc::strategy::concatenated>},
      {"XDC (other's clusters)", &run<xdc::strategy::cross>}};
  examples::text_table table{
      {"strategy", "purity picture", "purity sound", "NMI picture", "NMI sound", "probe picture", "probe sound"}};
  examples::line_plot curves{.title = "Clusters of the sound and digits", .x = {"round"}, .y = {"purity, %"}};
  std::vector<std::future<outcome>> runs;  // each is the same whatever runs beside it
  for (const auto& strategy : strategies)
    for (isize seed = 1; seed <= chosen.seeds; ++seed)
      runs.push_back(std::async(std::launch::async, strategy.second, std::cref(chosen), std::cref(train),
                                std::cref(val), std::uint64_t(seed)));
  auto next = runs.begin();
  for (const auto& [name, how] : strategies) {
    std::vector<outcome> found;
    for (isize seed = 1; seed <= chosen.seeds; ++seed, ++next) found.push_back(next->get());
    const auto of = [&](std::size_t round, std::size_t which) {
      std::vector<double> values;
      for (const outcome& one : found) values.push_back(one[round][which]);
      return examples::spread(values);
    };
    const auto row = [&](const std::string& title, std::size_t round) {
      table.rows.push_back({title});
      for (std::size_t which = 0; which < 6; ++which) table.rows.back().push_back(of(round, which).text(1, 100));
    };
    if (table.rows.empty()) row("untrained", 0);
    row(name, std::size_t(chosen.rounds));
    examples::series line{name, {}, {}};
    for (std::size_t r = 0; r <= std::size_t(chosen.rounds); ++r) {
      const examples::spread purity = of(r, 1);
      line.x.push_back(double(r)), line.y.push_back(100 * purity.mean);
      line.low.push_back(100 * (purity.mean - purity.deviation));
      line.high.push_back(100 * (purity.mean + purity.deviation));
    }
    curves.lines.push_back(std::move(line));
  }
  for (const auto& row : table.rows)
    for (std::size_t c = 0; c < row.size(); ++c)
      std::cout << (c ? ", " + table.columns[c] + " " : "") << row[c] << (c + 1 == row.size() ? "\n" : "");
  examples::report page("XDC: labels from the other modality", location.description);
  page.paragraph("No label is learned. Percent, mean and deviation over " + std::to_string(chosen.seeds) + " seeds.");
  page.table(table, std::to_string(chosen.pairs) + " pairs, after " + std::to_string(chosen.rounds) + " rounds");
  page.figure(curves.svg(), "Round 0 is the untrained network. Bands: one standard deviation over the seeds.", true);
  page.write(arguments.out);
  if (!arguments.plot.empty()) examples::write_drawing(arguments.plot, curves.svg());
  std::cout << "report: " << arguments.out.string() << "\n";
}

}  // namespace

int main(int count, char** arguments) { return examples::run_example(count, arguments, "xdc.html", show); }
