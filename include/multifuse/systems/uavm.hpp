#pragma once
#include <array>
#include <string>
#include <utility>

#include "../fusion/join.hpp"
#include "../io/framework_names.hpp"
#include "../layers/convnext.hpp"
#include "../layers/embedding.hpp"
#include "../layers/transformer_block.hpp"
#include "../losses/binary_cross_entropy.hpp"
#include "../losses/cross_entropy.hpp"
#include "../ops/reduce.hpp"

/// UAVM: Y. Gong, A. H. Liu, A. Rouditchenko, J. Glass, "UAVM: Towards Unifying Audio and Visual Models", IEEE Signal
/// Processing Letters 29, 2022. One transformer classifies either audio or video: feature sequences pass layers of
/// their own modality, then layers and a classifier that both share; the logits of the two passes are averaged.
namespace multifuse::uavm {

struct audio { static constexpr std::string_view name = "audio"; };
struct video { static constexpr std::string_view name = "video"; };

/// What the upper layers are: shared by both modalities (UAVM), one set for each (the modality-independent control), or
/// applied to the tokens of both together (the cross-modality attention control).
enum class upper_layers { shared, independent, joint };

/// The defaults are the published VGGSound model.
struct config {
  isize audio_features = 1024, video_features = 1024;  ///< width of the input vectors
  isize audio_tokens = 30, video_tokens = 30;
  isize width = 1024;
  isize shared_width = 0;  ///< of the upper layers; 0 means `width`
  isize heads = 4;
  isize specific_depth = 3, shared_depth = 3;
  isize classes = 309;
  upper_layers upper = upper_layers::shared;

  constexpr isize upper_width() const { return shared_width ? shared_width : width; }
};

/// Ignores what it is told.
struct no_observer {
  constexpr void operator()(std::string_view, isize, const auto&) const {}
};

/// A norm and a linear layer: the projection that stands in for missing lower layers, and the heads.
template <class D, isize In, isize Out> struct normalized_linear {
  layer_norm<D, In> norm;
  linear<D, In, Out> projection;
  constexpr void members(auto&& visit) { visit("0", norm), visit("1", projection); }
  constexpr auto operator()(const auto& x) const { return projection(norm(x)); }
};

/// The stage all variants are made of ("SingleTrans"): norm, projection, positions, blocks, and a head on the mean
/// token. The projection is used only where the widths differ, and the head only in a last stage; both are part of
/// every official checkpoint.
template <class D, isize In, isize Width, isize Tokens, isize Depth, isize Heads, isize Classes> struct encoder {
  using block = transformer_block<D, Width, Heads, transformer_config{.epsilon = 1e-5, .projection_bias = false}>;
  layer_norm<D, In> input_norm;
  linear<D, In, Width> input_projection;
  learned_positions<D, Tokens, Width> positions;
  repeat<block, Depth> blocks;
  normalized_linear<D, Width, Classes> head;

  constexpr void members(auto&& visit) {
    visit("in_layernorm", input_norm);
    visit("in_proj", input_projection);
    visit("positions", positions);
    visit("blocks", blocks);
    visit("mlp_head", head);
  }

  /// [batch, Tokens, In] -> [batch, Tokens, Width] before the blocks.
  constexpr auto embed(const auto& x) const {
    if constexpr (In == Width)
      return positions(input_norm(x));
    else
      return positions(input_projection(input_norm(x)));
  }
  /// Tokens after the blocks; `observe(stage name, block number, tokens)` sees those after each, and before the first
  /// one as number -1.
  constexpr auto operator()(const auto& x, std::string_view name, const auto& observe) const {
    auto y = embed(x);
    observe(name, isize(-1), y);
    y = blocks[0](y);
    observe(name, isize(0), y);
    for (isize layer = 1; layer < Depth; ++layer) {
      y = blocks[layer](y);
      observe(name, layer, y);
    }
    return y;
  }
  constexpr auto classify(const auto& tokens_of_item) const { return head(mean<tokens_axis>(tokens_of_item)); }
};

namespace detail {
constexpr isize features_of(const config& c, bool of_audio) { return of_audio ? c.audio_features : c.video_features; }
constexpr isize tokens_of(const config& c, bool of_audio) { return of_audio ? c.audio_tokens : c.video_tokens; }

/// The lower stage of a modality, with the official name of its member.
template <class D, config C, bool Audio> struct lower_stage {
  static constexpr std::string_view name = C.specific_depth > 0 ? (Audio ? "a_trans" : "v_trans")
                                                                : (Audio ? "a_in_proj" : "v_in_proj");
  using type = encoder<D, features_of(C, Audio), C.width, tokens_of(C, Audio), C.specific_depth, C.heads, C.classes>;
};
template <class D, config C, bool Audio>
  requires(C.specific_depth == 0)
struct lower_stage<D, C, Audio> {
  static constexpr std::string_view name = Audio ? "a_in_proj" : "v_in_proj";
  using type = normalized_linear<D, features_of(C, Audio), C.width>;
};

/// The upper stage: layers with a head, or a head alone.
template <class D, config C, isize Tokens> struct upper_stage {
  using type = encoder<D, C.width, C.upper_width(), Tokens, C.shared_depth, C.heads, C.classes>;
};
template <class D, config C, isize Tokens>
  requires(C.shared_depth == 0)
struct upper_stage<D, C, Tokens> {
  using type = normalized_linear<D, C.width, C.classes>;
};
}  // namespace detail

/// The model and its two controls. `model(a, v)` takes l2-normalized features [batch, tokens, features] of both
/// modalities and gives logits [batch, classes]; `model.logits<audio>(a)` uses one modality.
template <class D, config C = config{}> struct model {
  static constexpr bool joint = C.upper == upper_layers::joint;
  static constexpr bool one_upper = C.upper == upper_layers::shared && C.shared_depth > 0;
  static_assert(!joint || C.shared_depth > 0, "multifuse: joint upper layers need a depth of at least one");
  static_assert(joint || !one_upper || C.audio_tokens == C.video_tokens,
                "multifuse: shared upper layers need as many audio as video tokens");
  template <class M> static constexpr bool is_audio = std::is_same_v<M, audio>;

  typename detail::lower_stage<D, C, true>::type audio_lower;
  typename detail::lower_stage<D, C, false>::type video_lower;
  typename detail::upper_stage<D, C, joint ? C.audio_tokens + C.video_tokens : C.audio_tokens>::type upper;
  std::conditional_t<joint || one_upper, std::array<linear<D, 1, 1>, 0>,
                     std::array<typename detail::upper_stage<D, C, C.video_tokens>::type, 1>>
      video_upper;

  constexpr void members(auto&& visit) {
    visit(detail::lower_stage<D, C, true>::name, audio_lower);
    visit(detail::lower_stage<D, C, false>::name, video_lower);
    visit(upper_name(true), upper);
    for (auto& own : video_upper) visit(upper_name(false), own);
  }

  /// Logits [batch, classes] of one modality.
  template <class M, class Observer = no_observer>
    requires(!joint)
  constexpr auto logits(const auto& x, const Observer& observe = {}) const {
    return classify<M>(lower<M>(x, observe), observe);
  }

  /// Logits from both modalities: the mean of the two, or the joint layers' own.
  constexpr auto operator()(const auto& a, const auto& v) const { return fused(a, v, no_observer{}); }
  constexpr auto fused(const auto& a, const auto& v, const auto& observe) const {
    if constexpr (joint) {
      const auto both = concat<tokens_axis>(lower<audio>(a, observe), lower<video>(v, observe));
      return upper.classify(upper(both, upper_name(true), observe));
    } else {
      return evaluate(mean_of(logits<audio>(a, observe), logits<video>(v, observe)));
    }
  }

  /// Tokens of a modality after its lower layers.
  template <class M> constexpr auto lower(const auto& x, const auto& observe) const {
    const auto& stage = lower_of<M>();
    if constexpr (C.specific_depth > 0)
      return stage(x, detail::lower_stage<D, C, is_audio<M>>::name, observe);
    else
      return stage(x);
  }
  /// The stages a modality passes.
  template <class M> constexpr const auto& lower_of() const {
    if constexpr (is_audio<M>)
      return audio_lower;
    else
      return video_lower;
  }
  template <class M> constexpr const auto& upper_of() const {
    if constexpr (is_audio<M> || joint || one_upper)
      return upper;
    else
      return video_upper[0];
  }

  /// The official name of the upper stage that a modality passes.
  static constexpr std::string_view upper_name(bool of_audio) {
    if (C.shared_depth == 0) return of_audio ? "a_mlp" : "v_mlp";
    if (C.upper == upper_layers::independent) return of_audio ? "a_s_trans" : "v_s_trans";
    return "s_trans";
  }

 private:
  template <class M> constexpr auto classify(const auto& x, const auto& observe) const {
    if constexpr (C.shared_depth > 0)
      return upper_of<M>().classify(upper_of<M>()(x, upper_name(is_audio<M>), observe));
    else
      return upper_of<M>()(mean<tokens_axis>(x));
  }
};

namespace detail {
inline void name_normalized_linear(const name_table::scope& both) {
  pytorch::norm(both, "0", "0");
  pytorch::linear(both, "1", "1");
}

inline void name_encoder(const name_table::scope& stage, isize depth, isize tokens, isize width) {
  pytorch::norm(stage, "in_layernorm", "in_layernorm");
  pytorch::linear(stage, "in_proj", "in_proj");
  stage.map("positions.table", "pos_embed", official::shaped({1, tokens, width}));
  name_normalized_linear(stage.within("mlp_head.", "mlp_head."));
  pytorch::vision_blocks(stage, "blocks.", "blocks.", depth, width, false);
}
}  // namespace detail

/// The parameter names of the official checkpoints (PyTorch; saved with "module." in front).
template <class D, config C> name_table official_names(const model<D, C>&) {
  using network = model<D, C>;
  name_table table;
  table.optional_prefix("module.");
  const auto name_stage = [&](const std::string& name, isize depth, isize tokens, isize width) {
    const auto stage = table.within(name + ".", name + ".");
    if (depth > 0)
      detail::name_encoder(stage, depth, tokens, width);
    else
      detail::name_normalized_linear(stage);
  };
  name_stage(std::string(detail::lower_stage<D, C, true>::name), C.specific_depth, C.audio_tokens, C.width);
  name_stage(std::string(detail::lower_stage<D, C, false>::name), C.specific_depth, C.video_tokens, C.width);
  name_stage(std::string(network::upper_name(true)), C.shared_depth,
             network::joint ? C.audio_tokens + C.video_tokens : C.audio_tokens, C.upper_width());
  if (!network::joint && !network::one_upper)
    name_stage(std::string(network::upper_name(false)), C.shared_depth, C.video_tokens, C.upper_width());
  return table;
}

/// The frozen feature extractor for audio: a ConvNeXt over a spectrogram with one channel, mel bins as rows and time as
/// columns. `extractor.features(x)` gives the vectors that the model takes; `extractor(x)` classifies, as it is
/// trained.
template <class D, isize Classes, convnext_config C = convnext_config{}> struct audio_extractor {
  convnext<D, 1, C> trunk;
  normalized_linear<D, C.widths[3], Classes> classifier;
  constexpr void members(auto&& visit) { visit("trunk", trunk), visit("classifier", classifier); }

  /// Filter bank [batch, time (rows), mel (columns)] -> the image [batch, mel, time, 1].
  constexpr auto image(const auto& x) const {
    const auto turned = rename<columns_axis, samples_axis>(permute<batch_axis, columns_axis, rows_axis>(x));
    const auto mel_by_time = rename<samples_axis, rows_axis>(rename<rows_axis, columns_axis>(turned));
    return split<columns_axis, columns<>, channels<1>>(mel_by_time);
  }
  /// [batch, time, mel] -> [batch, tokens, widths[3]]: the last feature map, averaged over mel.
  constexpr auto features(const auto& x) const {
    return rename<channels_axis, width_axis>(rename<columns_axis, tokens_axis>(mean<rows_axis>(trunk(image(x)))));
  }
  constexpr auto operator()(const auto& x) const { return classify(trunk(image(x))); }
  constexpr auto classify(const auto& map) const { return classifier(mean<rows_axis, columns_axis>(map)); }
};

/// The extractor's official names: torchvision's ConvNeXt inside a Sequential.
template <class D, isize Classes, convnext_config C> name_table official_names(const audio_extractor<D, Classes, C>&) {
  name_table table;
  table.optional_prefix("module.");
  const auto convolution = [](const name_table::scope& at, const std::string& ours, const std::string& theirs,
                              isize out, isize in, isize kernel) {
    at.map(ours + ".weight", theirs + ".weight", official::permuted({out, in, kernel, kernel}, {0, 2, 3, 1}));
    at.map(ours + ".bias", theirs + ".bias");
  };
  for (std::size_t s = 0; s < 4; ++s) {
    const std::string reduction = std::to_string(2 * s), blocks = std::to_string(2 * s + 1);
    const auto front = table.within("trunk." + reduction + ".", "model.0." + reduction + ".");
    convolution(front, "convolution", s == 0 ? "0" : "1", C.widths[s], s == 0 ? 1 : C.widths[s - 1], s == 0 ? 4 : 2);
    pytorch::norm(front, "norm", s == 0 ? "1" : "0");
    for (isize k = 0; k < C.depths[s]; ++k) {
      const std::string at = blocks + "." + std::to_string(k) + ".";
      const auto block = table.within("trunk." + at, "model.0." + at);
      convolution(block, "depthwise", "block.0", C.widths[s], 1, 7);
      pytorch::norm(block, "norm", "block.2");
      pytorch::linear(block, "mlp.expand", "block.3");
      pytorch::linear(block, "mlp.contract", "block.5");
      block.map("scale", "layer_scale", official::shaped({C.widths[s], 1, 1}));
    }
  }
  const auto classifier = table.within("classifier.", "model.2.");
  pytorch::norm(classifier, "0", "0");
  pytorch::linear(classifier, "1", "2");
  return table;
}

}  // namespace multifuse::uavm
