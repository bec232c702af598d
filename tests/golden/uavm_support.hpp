#pragma once
#include <multifuse/systems/uavm.hpp>

#include "support/golden.hpp"

/// UAVM and its controls as the metadata of a golden file configures them.
namespace golden_uavm {

namespace mf = multifuse;
namespace uavm = multifuse::uavm;
using mf::isize;
using D = golden::device<float>;

template <class C> constexpr uavm::config config_of(uavm::upper_layers upper) {
  uavm::config c;
  c.audio_features = C::a_input_dim, c.video_features = C::v_input_dim;
  c.audio_tokens = C::a_seq_len, c.video_tokens = C::v_seq_len;
  c.width = C::embed_dim, c.shared_width = C::s_embed_dim, c.heads = C::num_heads;
  c.specific_depth = C::depth_i, c.shared_depth = C::depth_s, c.classes = C::label_dim;
  c.upper = upper;
  return c;
}

/// Compares tokens after each block with `output.<who>.<stage>.blocks.<k>`.
struct block_check {
  golden::file& file;
  std::string who;
  void operator()(std::string_view stage, isize layer, const auto& tokens) const {
    if (layer < 0) return;
    file.expect("output." + who + "." + std::string(stage) + ".blocks." + std::to_string(layer), tokens,
                golden::output_tolerance);
  }
};

template <class C, class Logits> auto check_losses(golden::file& file, const std::string& name, const Logits& logits) {
  const mf::shape<mf::batch<>, mf::width<C::label_dim>> labels(C::batch);
  file.expect("output.logits_" + name, logits, golden::output_tolerance);
  const auto soft = mf::cross_entropy(logits, file.tensor<D>("input.soft_label", labels));
  file.expect("loss.ce_" + name, soft, golden::loss_tolerance);
  file.expect("loss.bce_" + name, mf::binary_cross_entropy(logits, file.tensor<D>("input.multi_hot", labels)),
              golden::loss_tolerance);
  return soft;
}

/// What the authors' probing code shows of one modality: the tokens before every block of the model ("extract_feat", which
/// for later stages means those after the block before), and the attention of every block as their plotting code computes
/// it: from the block's input without its norm, which is not the attention that the model uses.
template <class M> void check_probes(golden::file& file, const std::string& who, const auto& model, const auto& x) {
  const std::string features = "output.extract_feat." + who + ".layer", maps = "output.visual_attention." + who + ".layer";
  isize passed = 0, first_feature = 0;
  model.template logits<M>(x, [&](std::string_view stage, isize layer, const auto& tokens) {
    if (layer >= 0) ++passed;
    const std::string number = std::to_string(passed);
    if (layer >= 0 || first_feature++ == 0) {
      if (file.has(features + number)) file.expect(features + number, tokens, golden::output_tolerance);
    }
    const auto compare = [&](const auto& encoder, bool named) {
      if constexpr (requires { encoder.blocks; }) {
        using block = std::remove_cvref_t<decltype(encoder.blocks[0])>;
        constexpr isize width = mf::detail::shape_of_t<std::remove_cvref_t<decltype(tokens)>>::template static_extent<mf::width_axis>();
        if constexpr (block::width_of_tokens == width)
          if (named && layer + 1 < encoder.blocks.size && file.has(maps + number))
            file.expect(maps + number, encoder.blocks[layer + 1].attention.probabilities(tokens, tokens),
                        golden::output_tolerance);
      }
    };
    const bool lower = stage == (who == "a" ? "a_trans" : "v_trans");
    compare(model.template lower_of<M>(), lower);
    compare(model.template upper_of<M>(), !lower);
  });
}

/// Blocks, logits, losses and all gradients of a file.
template <class C, uavm::upper_layers Upper> void check(golden::file& file) {
  constexpr uavm::config config = config_of<C>(Upper);
  uavm::model<D, config> model;
  const auto table = uavm::official_names(model);
  mf::initialize(model, 1);
  file.load(model, table);
  mf::tape tape;
  const auto a = mf::watch(tape, file.tensor<D>("input.a", mf::shape<mf::batch<>, mf::tokens<C::a_seq_len>, mf::width<C::a_input_dim>>(C::batch)));
  const auto v = mf::watch(tape, file.tensor<D>("input.v", mf::shape<mf::batch<>, mf::tokens<C::v_seq_len>, mf::width<C::v_input_dim>>(C::batch)));
  const auto loss = [&] {
    if constexpr (Upper == uavm::upper_layers::joint) {
      return check_losses<C>(file, "joint", model.fused(a, v, block_check{file, "joint"}));
    } else {
      const auto of_a = model.template logits<uavm::audio>(a, block_check{file, "a"});
      const auto of_v = model.template logits<uavm::video>(v, block_check{file, "v"});
      file.expect("output.logits_av", model(a, v), golden::output_tolerance);
      const auto first = check_losses<C>(file, "a", of_a);
      return mf::evaluate(first + check_losses<C>(file, "v", of_v));
    }
  }();
  if constexpr (Upper != uavm::upper_layers::joint) {
    check_probes<uavm::audio>(file, "a", model, mf::no_grad(a));
    check_probes<uavm::video>(file, "v", model, mf::no_grad(v));
  }
  file.expect("loss.total", loss, golden::loss_tolerance);
  mf::backward(loss);
  CHECK(file.expect_gradients(model, table, "grad.", true) > 0);
  file.expect("grad.input.a", a.gradient(), golden::gradient_tolerance);
  file.expect("grad.input.v", v.gradient(), golden::gradient_tolerance);
}

}  // namespace golden_uavm
