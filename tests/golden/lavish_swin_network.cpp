// goldens: lavish_swin
#include <golden/lavish_swin.hpp>

#include "lavish_network_support.hpp"

namespace {

using namespace golden_lavish;
using config = golden::lavish_swin::config;

constexpr lavish::swin_config model_config() {
  static_assert(config::vis_encoder_type == "swin" && config::depths.size() == config::heads.size());
  lavish::swin_config c;
  c.image_rows = c.image_columns = config::img_size;
  c.patch = config::patch, c.width = config::embed_dim, c.stages = isize(config::depths.size());
  for (std::size_t i = 0; i < config::depths.size(); ++i)
    c.depths[i] = config::depths[i], c.heads[i] = config::heads[i];
  c.window = config::window;
  c.hidden = config::hidden, c.classes = config::n_class;
  c.adapters = adaptation_of<config>();
  return c;
}

using model_type = lavish::swin_model<D, model_config()>;

/// The stages from number I on, and the final norm.
template <std::size_t I, class B> void run_stages(notes& all, const model_type& model, const B& b, isize before) {
  if constexpr (I == config::depths.size()) {
    all.note_both("swin.norm", [&]<class M>(M*) { return model.norm(mf::get<M>(b)); });
  } else {
    const auto& stage = mf::get<I>(model.stages.layers);
    const std::string name = "swin.layers." + std::to_string(I) + ".";
    const B later = all.run_layers(stage.layers, b, stage.depth, before, name + "blocks.", "norm1", "norm2");
    const auto merged = mf::transform_streams(mf::streams<lavish::audio, lavish::visual>{},
                                              [&]<class M>(M*) { return stage.merging(mf::get<M>(later)); });
    all.note_bundle(name + "downsample", merged);
    run_stages<I + 1>(all, model, merged, before + stage.depth);
  }
}

/// The masks of shifted windows are part of the official parameters and follow from the grid here.
template <std::size_t... I>
void check_masks(golden::file& file, const model_type& model, const auto& any, std::index_sequence<I...>) {
  const auto check = [&](const auto& stage, std::size_t number) {
    for (isize k = 1; k < stage.depth; k += 2) {
      const std::string name =
          "param.swin.layers." + std::to_string(number) + ".blocks." + std::to_string(k) + ".attn_mask";
      if (file.has(name)) file.expect(name, stage.layers.blocks[k].attention.edge_mask(any), 0);
    }
  };
  (check(mf::get<I>(model.stages.layers), I), ...);
}

}  // namespace

TEST_CASE("adapters and frozen branches of every block, probabilities, loss and gradients in both modes") {
  golden::file file(golden::lavish_swin::path);
  model_type model;
  const auto table = lavish::official_names(model);
  load(file, model, table, "swin.");

  using audio_shape =
      mf::shape<mf::batch<>, mf::rows<config::img_size>, mf::columns<config::img_size>, mf::channels<1>>;
  const inputs<config, audio_shape> in(file);
  check_masks(file, model, in.audio, std::make_index_sequence<config::depths.size()>{});
  golden::expect_numbers(file, model, [&](const model_type& other, const golden::last_bits& bits) {
    notes all;
    const auto changed = in.changed(bits);
    const auto tokens = other.tokenize(changed.audio, channels_last(changed.visual));
    all.note_bundle("swin.patch_embed", tokens);
    run_stages<0>(all, other, tokens, 0);
    return all.found;
  });
  check_passes(file, model, table, in);
  file.require_all_used();
}
