// goldens: uavm_convnext
#include <golden/uavm_convnext.hpp>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/systems/uavm.hpp>

#include "support/golden.hpp"

namespace mf = multifuse;
using D = mf::cpu<float>;
using config = golden::uavm_convnext::config;

TEST_CASE("the audio extractor: every stage, features, logits, loss and gradients") {
  golden::file file(golden::uavm_convnext::path);
  constexpr mf::convnext_config sizes{config::widths, config::depths};
  mf::uavm::audio_extractor<D, config::classes, sizes> extractor;
  const auto table = mf::uavm::official_names(extractor);
  mf::initialize(extractor, 1);
  file.load(extractor, table);

  const auto items = file.contents().at("input.x").shape[0];
  mf::tape tape;
  const auto x = mf::watch(tape, file.tensor<D>("input.x", mf::shape<mf::batch<>, mf::rows<config::time>, mf::columns<config::mel>>(items)));
  const auto map = extractor.trunk.observed(extractor.image(x), [&](mf::isize number, const auto& y) {
    using namespace mf;
    file.expect("output.stage" + std::to_string(number), permute<batch_axis, channels_axis, rows_axis, columns_axis>(y),
                golden::output_tolerance);
  });
  file.expect("output.features", extractor.features(mf::no_grad(x)), golden::output_tolerance);
  const auto logits = extractor.classify(map);
  file.expect("output.logits", logits, golden::output_tolerance);
  const auto loss = mf::cross_entropy(
      logits, mf::rename<mf::width_axis, mf::channels_axis>(file.tensor<D>("input.soft_label", mf::shape<mf::batch<>, mf::width<config::classes>>(items))));
  file.expect("loss.ce", loss, golden::loss_tolerance);
  mf::backward(loss);
  CHECK(file.expect_gradients(extractor, table, "grad.", true) > 0);
  if (file.has("grad.input.x")) file.expect("grad.input.x", x.gradient(), golden::gradient_tolerance);
  file.require_all_used();
}
