// goldens: everything_at_once_loss
#include <golden/everything_at_once_loss.hpp>
#include <multifuse/metrics/retrieval.hpp>

#include "everything_at_once_support.hpp"

namespace {

using namespace golden_eao;
using config = golden::everything_at_once_loss::config;
using rows = mf::shape<mf::batch<>, mf::width<config::dim>>;

template <class... M> auto input(golden::file& file, mf::tape& tape, mf::streams<M...> list) {
  return mf::watch(tape, file.tensor<D>("input." + short_name(list) + "_embed", rows(config::batch)));
}

template <class Weights> constexpr eao::loss_options options_of(eao::pair_loss base) {
  return {.text_video = double(Weights::tv_weight),
          .text_audio = double(Weights::ta_weight),
          .video_audio = double(Weights::va_weight),
          .text_with_video_audio = double(Weights::t_va_weight),
          .video_with_text_audio = double(Weights::v_ta_weight),
          .audio_with_text_video = double(Weights::a_tv_weight),
          .base = base,
          .temperature = config::temperature,
          .margin = config::mms_margin};
}

/// One variant: the loss of each pair alone, the weighted mean, and the gradients, of which the file lacks those of
/// embeddings that take no part.
void check(golden::file& file, const std::string& variant, const eao::loss_options& options) {
  mf::tape tape;
  const auto flags = [&](const std::string& name) {
    return file.tensor<D>("input." + name + "_nonempty_input_mask", mf::shape<mf::batch<>>(config::batch));
  };
  const eao::embeddings given{
      mf::transform_streams(eao::combinations{}, [&]<class Which>(Which*) { return input(file, tape, Which{}); }),
      mf::bundle_of<text, video, audio>(flags("text"), flags("video"), flags("audio"))};
  int pairs = 0;
  for (const auto& [name, which] : pair_weights) {
    if (options.*which == 0) continue;
    eao::loss_options only = options;
    for (const auto& other : pair_weights) only.*other.which = 0;
    only.*which = 1;
    file.expect("loss." + variant + "." + std::string(name), eao::loss(given, only), golden::loss_tolerance);
    ++pairs;
  }
  CHECK(pairs > 0);
  const auto loss = eao::loss(given, options);
  file.expect("loss." + variant + ".total", loss, golden::loss_tolerance);
  mf::backward(loss);
  mf::transform_streams(eao::combinations{}, [&]<class Which>(Which*) {
    const std::string name = "grad." + variant + ".input." + short_name(Which{}) + "_embed";
    const auto found = mf::get<Which>(given.of).sink().current();
    if (file.has(name))
      file.expect(name, found, golden::gradient_tolerance);
    else
      CHECK_MESSAGE((!found || golden::largest(found.to_host()) == 0), name);
    return 0;
  });
}

}  // namespace

TEST_CASE("losses of all pairs over the items that have both, their weighted mean, and gradients") {
  golden::file file(golden::everything_at_once_loss::path);
  using eao::pair_loss;
  check(file, "normsoftmax", options_of<config::weights_default>(pair_loss::norm_softmax));
  check(file, "normsoftmax_equal", options_of<config::weights_equal>(pair_loss::norm_softmax));
  check(file, "normsoftmax_partial", options_of<config::weights_partial>(pair_loss::norm_softmax));
  check(file, "mms", options_of<config::weights_default>(pair_loss::margin_softmax));

  const auto unit = [&](const std::string& name) {
    return mf::l2_normalize(file.tensor<D>("input." + name + "_embed", rows(config::batch)), 1e-8);
  };
  file.expect("output.sim_t_va",
              mf::matmul<mf::width_axis>(unit("text"), mf::rename<mf::batch_axis, mf::columns_axis>(unit("va"))),
              golden::output_tolerance);

  const auto similarity = file.values("input.metric_sims");
  const auto ranks = mf::retrieval_ranks(similarity, isize(file.contents().at("input.metric_sims").shape[1]),
                                         mf::paired_items{}, mf::ties::average);
  // The authors count a rank between two places, as ties give, as found at the first of them; for the first place they
  // do not.
  std::vector<double> begun(ranks);
  for (double& rank : begun) rank = std::floor(rank);
  const auto scores = [&](isize missing) {
    std::vector<float> all{float(100 * mf::recall_at(ranks, 1, missing))};
    for (const isize k : {5, 10, 50}) all.push_back(float(100 * mf::recall_at(begun, k, missing)));
    all.push_back(float(mf::median_rank(ranks))), all.push_back(float(mf::mean_rank(ranks)));
    return all;
  };
  file.expect("output.metric_R1_R5_R10_R50_MedR_MeanR", scores(0), golden::output_tolerance);
  file.expect("output.metric_complete_plus2", scores(2), golden::output_tolerance);
  file.require_all_used();
}
