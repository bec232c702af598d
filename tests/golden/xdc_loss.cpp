// goldens: xdc_loss
#include <golden/xdc_loss.hpp>
#include <multifuse/modalities/packed_log_mel.hpp>
#include <multifuse/train/k_means.hpp>
#include <multifuse/train/whitening.hpp>

#include "xdc_support.hpp"

using namespace golden_xdc;
using config = golden::xdc_loss::config;

namespace {

constexpr xdc::clusters counts{.video = config::k_video, .audio = config::k_audio, .both = config::k_concat};
using video_shape = mf::shape<mf::batch<>, mf::width<config::Dv>>;
using audio_shape = mf::shape<mf::batch<>, mf::width<config::Da>>;

/// Clusters features from the file's seeds and compares every iteration; returns the last assignments as labels.
auto check_k_means(golden::file& file, const std::string& which, const std::vector<float>& features, isize width) {
  const auto seeds = file.values("input.kmeans." + which + ".init_centroids");
  file.values("output.kmeans." + which + ".assignments");
  const auto rows = file.contents().read<std::int64_t>("output.kmeans." + which + ".assignments");
  std::vector<float> objective;
  std::vector<std::int64_t> assigned;
  mf::clustering found;
  for (isize n = 0; n <= config::iterations; ++n) {
    found = mf::k_means(features, width, seeds, n);
    assigned.insert(assigned.end(), found.assignments.begin(), found.assignments.end());
    objective.push_back(float(found.objective()));
  }
  CHECK(assigned == rows);
  file.expect("output.kmeans." + which + ".objective", objective, golden::output_tolerance);
  file.expect("output.kmeans." + which + ".centroids", found.centroids, golden::output_tolerance);
  return labels_of({rows.end() - config::N, rows.end()});
}

/// One encoder's heads under one strategy: losses, gradients of heads and features.
template <bool Audio, xdc::strategy S, class F>
float check_heads(golden::file& file, const std::string& name, const F& filed, const xdc::pseudo_labels<D>& labels) {
  xdc::heads<D, S, counts, Audio, F::shape_type::static_extents[1]> heads;
  mf::initialize(heads, 1);
  constexpr bool two = S == xdc::strategy::multi_head;
  const std::string who = name + (Audio ? ".audio" : ".video");
  mf::name_table table;
  mf::pytorch::linear(table.within("", ""), "first", two ? who + ".own" : who);
  if (two) mf::pytorch::linear(table.within("", ""), "second", who + ".other");
  for (const auto& entry : table.entries()) {  // the file holds the heads of all strategies
    const auto values = file.values("param." + entry.official);
    mf::for_each_named_member(heads, [&](std::string_view own, auto& leaf) {
      if (own == entry.ours) D::copy_from_host(leaf.value().data(), values.data(), leaf.count);
    });
  }
  mf::tape tape;
  const auto features = mf::watch(tape, filed);
  const auto loss = heads.loss(features, labels);
  if constexpr (two) {
    file.expect("loss." + who + ".own", heads.first_loss(features, labels), golden::loss_tolerance);
    file.expect("loss." + who + ".other", heads.second_loss(features, labels), golden::loss_tolerance);
  } else {
    file.expect("loss." + who, loss, golden::loss_tolerance);
  }
  mf::backward(loss);
  CHECK(file.expect_gradients(heads, table, "grad.", true) == (two ? 4 : 2));
  file.expect("grad.input." + name + (Audio ? ".audio" : ".video") + "_features", features.gradient(),
              golden::gradient_tolerance);
  return loss.value().to_host()[0];
}

template <xdc::strategy S>
void check_strategy(golden::file& file, const std::string& name, const auto& video, const auto& audio,
                    const xdc::pseudo_labels<D>& labels) {
  INFO(name);
  const float sum = check_heads<false, S>(file, name, video, labels) + check_heads<true, S>(file, name, audio, labels);
  file.expect("loss." + name, std::vector<float>{sum}, golden::loss_tolerance);
}

}  // namespace

TEST_CASE("clusters and the losses of SDC, MDC, CDC and XDC") {
  golden::file file(golden::xdc_loss::path);
  const auto video = file.tensor<D>("input.video_features", video_shape(config::N));
  const auto audio = file.tensor<D>("input.audio_features", audio_shape(config::N));
  const auto both = xdc::concatenated_features(video, audio);
  file.expect("output.concat_features", both, golden::output_tolerance);
  const xdc::pseudo_labels<D> labels{
      .video = check_k_means(file, "video", video.to_host(), config::Dv),
      .audio = check_k_means(file, "audio", audio.to_host(), config::Da),
      .both = check_k_means(file, "concat", both.to_host(), config::Dv + config::Da)};
  check_strategy<xdc::strategy::single>(file, "sdc", video, audio, labels);
  check_strategy<xdc::strategy::multi_head>(file, "mdc", video, audio, labels);
  check_strategy<xdc::strategy::concatenated>(file, "cdc", video, audio, labels);
  check_strategy<xdc::strategy::cross>(file, "xdc", video, audio, labels);
  for (const std::string part : {"input.wav", "output.logmel", "output.whiten"})
    file.set_aside(part, "the front ends, which the next test checks");
  file.require_all_used();
}

TEST_CASE("whitening and log-mel energies") {
  golden::file file(golden::xdc_loss::path);
  const auto features = file.values("input.video_features");
  const auto white = mf::whitening(features, config::Dv, config::whiten_dims)(features);
  const mf::shape<mf::batch<>, mf::width<config::whiten_dims>> shape(config::N);
  const auto unit = mf::l2_normalize(mf::tensor<D, std::remove_const_t<decltype(shape)>>(shape, std::span<const float>(white))).to_host();
  std::vector<float> gram;
  for (isize a = 0; a < config::N; ++a)
    for (isize b = 0; b < config::N; ++b) {
      double product = 0;
      for (isize i = 0; i < config::whiten_dims; ++i)
        product += double(unit[std::size_t(a * config::whiten_dims + i)]) * unit[std::size_t(b * config::whiten_dims + i)];
      gram.push_back(float(product));
    }
  file.expect("output.whiten.gram", gram, golden::output_tolerance);
  const auto picture = mf::packed_log_mel()(file.values("input.wav"));
  file.expect("output.logmel", {picture.values().begin(), picture.values().end()}, golden::output_tolerance);
}
