// goldens: lavish_vit
#include <golden/lavish_vit.hpp>

#include "lavish_network_support.hpp"

namespace {

using namespace golden_lavish;
using config = golden::lavish_vit::config;

constexpr lavish::vit_config model_config() {
  static_assert(config::vis_encoder_type == "vit");
  lavish::vit_config c;
  c.image_rows = c.image_columns = config::img_size;
  c.patch = config::patch, c.width = config::embed_dim, c.depth = config::depth, c.heads = config::heads;
  c.hidden = config::hidden, c.classes = config::n_class;
  c.adapters = adaptation_of<config>();
  return c;
}

}  // namespace

TEST_CASE("adapters and frozen branches of every block, probabilities, loss and gradients in both modes") {
  golden::file file(golden::lavish_vit::path);
  using model_type = lavish::vit_model<D, model_config()>;
  model_type model;
  const auto table = lavish::official_names(model);
  load(file, model, table, "ViT.v.");

  using audio_shape = mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<1>>;  // not in the configuration
  const inputs<config, audio_shape> in(file);
  golden::expect_numbers(file, model, [&](const model_type& other, const golden::last_bits& bits) {
    notes all;
    const auto changed = in.changed(bits);
    const auto tokens = other.tokenize(changed.audio, channels_last(changed.visual));
    all.note_bundle("ViT.v.pos_drop", tokens);
    const auto encoded = all.run_layers(other.layers, tokens, config::depth, 0, "ViT.v.blocks.", "attn", "mlp");
    all.note_both("ViT.v.norm", [&]<class M>(M*) { return other.norm(mf::get<M>(encoded)); });
    return all.found;
  });
  check_passes(file, model, table, in);
  file.require_all_used();
}
