// goldens: sft
#include <golden/sft.hpp>

#include "sft_support.hpp"

namespace {

namespace sft = multifuse::sft;
using namespace multifuse;
using C = golden::sft::config;
using golden_sft::D;
using golden_sft::isize;

/// [batch, tokens, width] as the official code keeps it inside: [tokens, batch, width].
auto sequence_first(const auto& x) { return permute<tokens_axis, batch_axis, width_axis>(plain_tensor(x)); }
auto channels_first(const auto& x) { return permute<batch_axis, width_axis, tokens_axis>(plain_tensor(x)); }

/// What a stream is before fusion.
template <class Encoder> void check_stream(golden::file& file, const std::string& name, const Encoder& encoder,
                                           const auto& raw) {
  const std::string prefix = "output.inter.";
  const auto x = encoder.tokenizer(raw);
  file.expect(prefix + "tokens_" + name, sequence_first(x), golden::output_tolerance);
  const auto y = encoder.blocks(x);
  file.expect(prefix + "pool_attn_out_" + name, sequence_first(encoder.attended(y)), golden::output_tolerance);
  file.expect(prefix + "pool_attn_w_" + name, encoder.weights(y), golden::output_tolerance);
  file.expect(prefix + "pooled_" + name, channels_first(encoder.pooled(y).second), golden::output_tolerance);
}

}  // namespace

TEST_CASE("streams, fused blocks, logits, loss and gradients as released, parameters under their official names") {
  golden::file file(golden::sft::path);
  golden_sft::setting<C, false> net(file);
  check_stream(file, "rgb", net.model.rgb, no_grad(net.rgb));
  check_stream(file, "spec", net.model.spec, no_grad(net.spec));
  check_stream(file, "text", net.model.text, no_grad(net.text));
  const auto joined = net.model.joined(no_grad(net.rgb), no_grad(net.spec), no_grad(net.text), sft::unchanged{});
  file.expect("output.inter.fused_ln_in", sequence_first(standardize(joined)), golden::output_tolerance);
  const auto logits = net.model.forward(net.rgb, net.spec, net.text, [&](isize layer, isize, const auto& x) {
    if (layer >= C::pre)
      file.expect("output.inter.fused_block" + std::to_string(layer - C::pre), sequence_first(x),
                  golden::output_tolerance);
    return x;
  });
  file.expect("output.logits", logits, golden::output_tolerance);
  const auto loss = cross_entropy(logits, golden_sft::labels_of<C>(file));
  file.expect("loss.ce", loss, golden::loss_tolerance);
  backward(loss);
  net.expect_gradients("grad.");
  for_each_official(net.model, net.table, official_content::value,
                    [&](const std::string& name, const auto&, const std::vector<float>& ours) {
                      CHECK(ours == file.values("param." + name));
                    });
  for (const char* const group : {"input.mixup", "output.mixup", "loss.mixup", "grad_mixup"})
    file.set_aside(group, "sft_mixup.cpp checks training with mixup");
  for (const char* const group : {"output_sparse.", "loss_sparse.", "grad_sparse."})
    file.set_aside(group, "sft_sparse.cpp checks the sparse pattern");
  file.require_all_used();
}
