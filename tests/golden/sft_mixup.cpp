// goldens: sft
#include <golden/sft.hpp>

#include "sft_support.hpp"

namespace {

using C = golden::sft::config;

/// A step of training that mixes behind one layer.
void check_step(golden::file& file, const std::string& name, std::ptrdiff_t layer, bool parameters) {
  golden_sft::setting<C, false> net(file);
  const multifuse::manifold_mixup mix(
      golden_sft::mixtures(file.values("input.mixup.index"), file.values("input.mixup.lam")), layer);
  const auto logits = net.model.mixed(net.rgb, net.spec, net.text, mix);
  file.expect("output." + name + ".logits", logits, golden::output_tolerance);
  const auto loss = multifuse::sft::mixup_loss(logits, golden_sft::one_hot<C>(file), mix);
  file.expect("loss." + name, loss, golden::loss_tolerance);
  multifuse::backward(loss);
  if (parameters)
    net.expect_gradients("grad_" + name + ".");
  else
    net.expect_input_gradients("grad_" + name + ".");
}

}  // namespace

TEST_CASE("steps of training mixed behind the last unimodal and behind the last fused layer") {
  golden::file file(golden::sft::path);
  check_step(file, "mixup_pre", C::pre - 1, true);
  check_step(file, "mixup_post", C::pre + C::post - 1, false);
  for (const char* const group : {"output.inter.", "output.logits", "loss.ce", "grad."})
    file.set_aside(group, "sft.cpp checks the model without mixup");
  for (const char* const group : {"output_sparse.", "loss_sparse.", "grad_sparse."})
    file.set_aside(group, "sft_sparse.cpp checks the sparse pattern");
  file.require_all_used();
}
