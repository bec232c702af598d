#pragma once
#include <array>
#include <string>

#include "../fusion/latent_adapter.hpp"
#include "../fusion/readout.hpp"
#include "../io/framework_names.hpp"
#include "../layers/embedding.hpp"
#include "../layers/patch_embedding.hpp"
#include "../layers/patch_merging.hpp"
#include "../layers/swin_block.hpp"
#include "../layers/transformer_block.hpp"
#include "../losses/binary_cross_entropy.hpp"
#include "../ops/interpolate.hpp"
#include "../ops/softmax.hpp"

/// LAVISH: Y.-B. Lin, Y.-L. Sung, J. Lei, M. Bansal, G. Bertasius, "Vision Transformers are Parameter-Efficient
/// Audio-Visual Learners", CVPR 2023. A vision transformer, pretrained on images only and frozen, sees frames and
/// spectrograms; small adapters beside its layers carry information between the two through a few latent tokens.
namespace multifuse::lavish {

struct audio { static constexpr std::string_view name = "audio"; };
struct visual { static constexpr std::string_view name = "visual"; };

/// The official code has an adapter for each task: event localization (AVE), sounding object segmentation (AVS),
/// question answering (AVQA).
enum class task { localization, segmentation, question_answering };

/// What is trained beside the backbone. The defaults are those of event localization.
struct adaptation {
  task variant = task::localization;
  isize latents = 2, reduction = 8, groups = 2;
  bool multimodal = true;  ///< adapters read the other modality
  bool batch_norm = true, norm_before = true, norm_after = true;
  bool audio_gate = true;  ///< adapters of the audio have a gate; the others always do

  constexpr adapter_config adapters() const {
    const bool segments = variant == task::segmentation, localizes = variant == task::localization;
    adapter_config c{.latents = multimodal ? latents : 0, .reduction = reduction, .groups = groups};
    c.nonlinearity = !multimodal && localizes ? activation::none : activation::relu;
    c.batch_norm = batch_norm;
    c.norm_before = norm_before && !(segments && multimodal);  // there the official code has it and does not use it
    c.norm_after = norm_after;
    c.gate_before_norm = segments;
    c.latent_start = localizes ? init::uniform(0, 1) : init::zeros();
    return c;
  }
};

/// Swin V2 as the backbone; both modalities are images of one size. The defaults are Swin-V2-L.
struct swin_config {
  isize image_rows = 192, image_columns = 192, patch = 4, width = 192, stages = 4;
  std::array<isize, 4> depths{2, 2, 18, 2}, heads{6, 12, 24, 48};
  isize window = 12, pretrained_window = 0;
  isize hidden = 512, classes = 29;  ///< of the classifier
  double drop_path = 0.1;            ///< stochastic depth of the last block in training; linear from 0 in the first
  adaptation adapters = {};
};

/// ViT as the backbone; the positions of an image are interpolated to the number of audio patches. The defaults are
/// ViT-B.
struct vit_config {
  isize image_rows = 224, image_columns = 224, patch = 16;
  isize width = 768, depth = 12, heads = 12;
  isize hidden = 512, classes = 29;
  adaptation adapters = {};
};

/// A stage of blocks with their adapters.
template <class Block, adaptation A>
struct adapted : latent_adapter<Block, A.adapters(), std::conditional_t<A.audio_gate, streams<>, streams<audio>>> {};

/// Class probabilities from two linear layers with nothing between them: [batch, In] -> [batch, Classes].
template <class D, isize In, isize Hidden, isize Classes> struct classifier {
  linear<D, In, Hidden> first;
  linear<D, Hidden, Classes> second;
  constexpr void members(auto&& visit) { visit("first", first), visit("second", second); }
  constexpr auto operator()(const auto& x) const { return softmax(second(first(x))); }
};

namespace detail {

/// Half the grid between stages, nothing after the last one.
template <class D, isize Rows, isize Columns, isize Width, bool Last> struct between_stages {
  using type = pass_through;
};
template <class D, isize Rows, isize Columns, isize Width> struct between_stages<D, Rows, Columns, Width, false> {
  using type = patch_merging<D, Rows, Columns, Width>;
};

template <class D, swin_config C, isize Stage> struct swin_stage {
  static constexpr std::size_t number = std::size_t(Stage);
  static constexpr isize width = C.width << Stage, depth = C.depths[number];
  static constexpr window_grid grid{.rows = C.image_rows / C.patch >> Stage,
                                    .columns = C.image_columns / C.patch >> Stage,
                                    .window = C.window,
                                    .pretrained_window = C.pretrained_window};
  using block = swin_block<D, width, C.heads[number], grid>;

  typename stage<depth, adapted<block, C.adapters>>::template over<streams<audio, visual>> layers;
  typename between_stages<D, grid.rows, grid.columns, width, Stage + 1 == C.stages>::type merging;

  constexpr swin_stage() {
    for (isize k = 1; k < depth; k += 2) layers.blocks[k].shifted = true;
    freeze();
  }
  constexpr void members(auto&& visit) { visit("layers", layers), visit("merging", merging); }
  constexpr void freeze() { layers.freeze(), multifuse::freeze(merging); }
  template <class B> constexpr auto operator()(const B& b) const {
    const auto y = layers(b);
    return transform_streams(streams<audio, visual>{}, [&]<class M>(M*) { return merging(get<M>(y)); });
  }
};

template <class D, swin_config C, class Indices> struct swin_stages;
template <class D, swin_config C, std::size_t... I> struct swin_stages<D, C, std::index_sequence<I...>> {
  using type = sequential<swin_stage<D, C, isize(I)>...>;
};

/// Spectrograms [batch, rows, columns, 1] as images of three equal channels.
constexpr auto as_image(const auto& spectrogram) { return expand<channels_axis, 3>(spectrogram); }

/// An image without the rows and columns at its end that fill no patch.
template <isize Patch> constexpr auto whole_patches(const auto& image) {
  const auto along = [](auto* axis_tag, const auto& x) {
    using Tag = std::remove_pointer_t<decltype(axis_tag)>;
    constexpr isize known =
        multifuse::detail::shape_of_t<std::remove_cvref_t<decltype(x)>>::template static_extent<Tag>();
    if constexpr (known == dynamic)
      return slice<Tag>(x, 0, extent<Tag>(x) / Patch * Patch);
    else
      return slice<Tag, 0, known / Patch * Patch>(x);
  };
  return along(static_cast<columns_axis*>(nullptr), along(static_cast<rows_axis*>(nullptr), image));
}

}  // namespace detail

/// LAVISH on Swin V2. `model(a, v)` takes spectrograms [batch, rows, columns, 1] (rows are time) and images
/// [batch, rows, columns, 3] of the same size, one pair for each second of a clip, and gives probabilities
/// [batch, classes]. The backbone is frozen from the start; its norms may be thawed with `set_trainable`.
template <class D, swin_config C = swin_config{}> struct swin_model {
  static constexpr isize last_width = C.width << (C.stages - 1);
  static constexpr norm_config epsilon{1e-5};

  patch_embedding<D, patch_size{1, C.patch, C.patch}, 3, C.width> embedding;
  layer_norm<D, C.width, epsilon> embedding_norm;
  typename detail::swin_stages<D, C, std::make_index_sequence<std::size_t(C.stages)>>::type stages;
  layer_norm<D, last_width, epsilon> norm;
  classifier<D, 2 * last_width, C.hidden, C.classes> head;

  constexpr swin_model() { freeze_backbone(); }
  constexpr void members(auto&& visit) {
    visit("embedding", embedding), visit("embedding_norm", embedding_norm);
    visit("stages", stages);
    visit("norm", norm), visit("head", head);
  }
  constexpr void freeze_backbone() {
    freeze(embedding), freeze(embedding_norm), freeze(norm);
    for_each_stage(*this, [](auto& stage, isize) { stage.freeze(); });
  }
  /// Calls `f(stage, number of blocks before it)` for each stage of a model.
  static constexpr void for_each_stage(auto& model, auto&& f) {
    isize before = 0;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((f(get<I>(model.stages.layers), before), before += C.depths[I]), ...);
    }(std::make_index_sequence<std::size_t(C.stages)>{});
  }
  /// Sets the rates of stochastic depth of the backbone's blocks, for training as the official code does it.
  void use_stochastic_depth() {
    isize all = 0;
    for_each_stage(*this, [&](auto& stage, isize before) { all = before + stage.depth; });
    for_each_stage(*this, [&](auto& stage, isize before) {
      for (isize k = 0; k < stage.depth; ++k)
        stage.layers.blocks[k].drop_path_rate = all > 1 ? C.drop_path * double(before + k) / double(all - 1) : 0.0;
    });
  }

  constexpr auto tokenize(const auto& spectrogram, const auto& image) const {
    return bundle_of<audio, visual>(embedding_norm(embedding(detail::as_image(spectrogram))),
                                    embedding_norm(embedding(image)));
  }
  /// Probabilities from the tokens that the stages made.
  constexpr auto classify(const auto& encoded) const {
    return head(concat<width_axis>(mean<tokens_axis>(norm(get<visual>(encoded))),
                                   mean<tokens_axis>(norm(get<audio>(encoded)))));
  }
  constexpr auto operator()(const auto& spectrogram, const auto& image) const {
    return classify(stages(tokenize(spectrogram, image)));
  }
};

/// LAVISH on ViT: as above, for spectrograms and images of different sizes. Adapters see class tokens as well.
template <class D, vit_config C = vit_config{}> struct vit_model {
  static constexpr isize image_tokens = 1 + C.image_rows / C.patch * (C.image_columns / C.patch);
  using block = transformer_block<D, C.width, C.heads>;

  patch_embedding<D, patch_size{1, C.patch, C.patch}, 3, C.width> embedding;
  class_token<D, C.width> front;
  learned_positions<D, image_tokens, C.width> positions;
  typename stage<C.depth, adapted<block, C.adapters>>::template over<streams<audio, visual>> layers;
  layer_norm<D, C.width> norm;
  classifier<D, 2 * C.width, C.hidden, C.classes> head;

  constexpr vit_model() { freeze_backbone(); }
  constexpr void members(auto&& visit) {
    visit("embedding", embedding), visit("class_token", front), visit("positions", positions);
    visit("layers", layers);
    visit("norm", norm), visit("head", head);
  }
  constexpr void freeze_backbone() {
    freeze(embedding), freeze(front), freeze(positions), freeze(norm);
    layers.freeze();
  }

  constexpr auto tokenize(const auto& spectrogram, const auto& image) const {
    const auto heard = front(embedding(detail::whole_patches<C.patch>(detail::as_image(spectrogram))));
    return bundle_of<audio, visual>(evaluate(heard + interpolate<tokens_axis>(positions.table, heard)),
                                    positions(front(embedding(image))));
  }
  constexpr auto classify(const auto& encoded) const {
    return head(concat<width_axis>(first_token(norm(get<audio>(encoded))), first_token(norm(get<visual>(encoded)))));
  }
  constexpr auto operator()(const auto& spectrogram, const auto& image) const {
    return classify(layers(tokenize(spectrogram, image)));
  }
};

/// The loss of event localization: binary cross-entropy between probabilities and one-hot labels [batch, classes], the
/// mean over both. The paper trains adapters at a rate of 5e-5 and the head at 4e-6, with Adam.
template <value X, value Y> constexpr auto localization_loss(const X& probabilities, const Y& labels) {
  return binary_cross_entropy_of_probabilities(probabilities, labels);
}

/// The official parameter names ("VisualAdapter") of one adapter of this width.
inline void name_adapter(const name_table::scope& one, isize width, const adapter_config& c) {
  if (c.latents > 0) one.map("latents", "my_tokens"), one.map("exchange_gate", "gate_av");
  if (c.gate) one.map("gate", "gate");
  if (c.norm_before) pytorch::norm(one, "norm_before", "ln_before");
  if (c.norm_after) pytorch::norm(one, "norm_after", "ln_post");
  if (c.kind == adapter_kind::linear) {
    one.map("map.weight", "conv.weight");
    if (c.batch_norm) pytorch::batch_norm(one, "output_norm", "bn");
  } else {
    const isize hidden = width / c.reduction;
    one.map("down.weight", "down_sampler.weight", official::shaped({hidden, width / c.groups, 1, 1}));
    one.map("up.weight", "up_sampler.weight", official::shaped({width, hidden / c.groups, 1, 1}));
    if (c.batch_norm) pytorch::batch_norm(one, "hidden_norm", "bn1"), pytorch::batch_norm(one, "output_norm", "bn2");
  }
  one.unused("ln_before."), one.unused("gate_tk");
}

namespace detail {
/// The adapters of `depth` blocks whose first one is number `first` of the network.
inline void name_adapters(name_table& table, const std::string& layers, const adaptation& a, isize width, isize depth,
                          isize first) {
  for (const bool heard : {true, false})
    for (isize k = 0; k < depth; ++k) {
      const std::string ours = layers + ".adapters." + (heard ? "audio." : "visual.") + std::to_string(k) + ".";
      const std::string theirs = heard ? "audio_adapter_blocks_p" : "vis_adapter_blocks_p";
      const std::string number = std::to_string(first + k) + ".";
      adapter_config c = a.adapters();
      c.gate = !heard || a.audio_gate;
      name_adapter(table.within(ours + "attention.", theirs + "1." + number), width, c);
      name_adapter(table.within(ours + "mlp.", theirs + "2." + number), width, c);
    }
}
inline void name_common(name_table& table, const std::string& backbone, isize patch, isize width) {
  table.map("embedding.weight", backbone + "patch_embed.proj.weight",
            official::permuted({width, 3, patch, patch}, {0, 2, 3, 1}));
  table.map("embedding.bias", backbone + "patch_embed.proj.bias");
  const auto top = table.within("", "");
  pytorch::norm(top, "norm", backbone + "norm");
  pytorch::linear(top, "head.first", "mlp_class");
  pytorch::linear(top, "head.second", "mlp_class_2");
  table.unused(backbone + "head."), table.unused("adapter_token_downsampler.");
}
}  // namespace detail

/// The parameter names of the official checkpoints (PyTorch, backbone as in timm 0.6.7).
template <class D, swin_config C> name_table official_names(const swin_model<D, C>& model) {
  name_table table;
  detail::name_common(table, "swin.", C.patch, C.width);
  pytorch::norm(table.within("", ""), "embedding_norm", "swin.patch_embed.norm");
  isize stage_number = 0;
  swin_model<D, C>::for_each_stage(model, [&](const auto& stage, isize before) {
    const std::string ours = "stages." + std::to_string(stage_number),
                      theirs = "swin.layers." + std::to_string(stage_number);
    if (++stage_number < C.stages) {
      table.map(ours + ".merging.reduction.weight", theirs + ".downsample.reduction.weight");
      pytorch::norm(table.within("", ""), ours + ".merging.norm", theirs + ".downsample.norm");
    }
    detail::name_adapters(table, ours + ".layers", C.adapters, stage.width, stage.depth, before);
    for (isize k = 0; k < stage.depth; ++k) {
      const auto block = table.within(ours + ".layers.shared." + std::to_string(k) + ".",
                                      theirs + ".blocks." + std::to_string(k) + ".");
      isize row = 0;
      for (const char* const part : {"query", "key", "value"})
        block.map(std::string("attention.") + part + ".weight", "attn.qkv.weight",
                  official::rows(std::exchange(row, row + stage.width), 3 * stage.width));
      block.map("attention.query.bias", "attn.q_bias"), block.map("attention.value.bias", "attn.v_bias");
      pytorch::linear(block, "attention.output", "attn.proj");
      block.map("attention.log_scale", "attn.logit_scale",
                official::shaped({C.heads[std::size_t(stage_number - 1)], 1, 1}));
      pytorch::linear(block, "attention.position_expand", "attn.cpb_mlp.0");
      pytorch::linear(block, "attention.position_contract", "attn.cpb_mlp.2", false);
      pytorch::norm(block, "attention_norm", "norm1"), pytorch::norm(block, "mlp_norm", "norm2");
      pytorch::linear(block, "mlp.expand", "mlp.fc1"), pytorch::linear(block, "mlp.contract", "mlp.fc2");
      block.unused("attn_mask");  // follows from the grid
    }
  });
  return table;
}
template <class D, vit_config C> name_table official_names(const vit_model<D, C>&) {
  name_table table;
  detail::name_common(table, "ViT.v.", C.patch, C.width);
  table.map("class_token.vectors", "ViT.v.cls_token", official::shaped({1, 1, C.width}));
  table.map("positions.table", "ViT.v.pos_embed", official::shaped({1, vit_model<D, C>::image_tokens, C.width}));
  detail::name_adapters(table, "layers", C.adapters, C.width, C.depth, 0);
  pytorch::vision_blocks(table.within("", ""), "layers.shared.", "ViT.v.blocks.", C.depth, C.width);
  return table;
}

}  // namespace multifuse::lavish
