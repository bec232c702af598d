// goldens: sft_loss
#include <golden/sft_loss.hpp>

#include "sft_support.hpp"

TEST_CASE("mixup of tokens by each modality's weights, and cross-entropy by their mean") {
  using namespace multifuse;
  using C = golden::sft_loss::config;
  using golden_sft::D;
  golden::file file(golden::sft_loss::path);
  const manifold_mixup mix(golden_sft::mixtures(file.values("input.index"), file.values("input.lam_per_modality")), 0);
  const auto mean = mean_mixup(mix.each).weights();
  file.expect("output.lam", std::vector<float>(mean.begin(), mean.end()), golden::output_tolerance);

  const auto& extents = file.contents().at("input.tokens").shape;  // [tokens, batch, width]
  const auto x = permute<batch_axis, tokens_axis, width_axis>(
      file.tensor<D>("input.tokens", shape<tokens<>, batch<>, width<>>(extents[0], extents[1], extents[2])));
  for (std::size_t m = 0; m < mix.each.size(); ++m)
    file.expect("output.mixed_tokens_lam" + std::to_string(m),
                permute<tokens_axis, batch_axis, width_axis>(mix.each[m](x)), golden::output_tolerance);

  tape tape;
  const auto logits = watch(tape, file.tensor<D>("input.logits", shape<batch<>, width<C::classes>>(C::batch)));
  const auto loss = multifuse::sft::mixup_loss(logits, golden_sft::one_hot<C>(file), mix);
  file.expect("loss.mixup_ce", loss, golden::loss_tolerance);
  backward(loss);
  file.expect("grad.input.logits", logits.gradient(), golden::gradient_tolerance);
  file.require_all_used();
}
