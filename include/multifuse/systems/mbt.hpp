#pragma once
#include <string>
#include <vector>

#include "../fusion/readout.hpp"
#include "../fusion/stage.hpp"
#include "../io/framework_names.hpp"
#include "../layers/embedding.hpp"
#include "../layers/patch_embedding.hpp"
#include "../layers/transformer_block.hpp"
#include "../losses/binary_cross_entropy.hpp"
#include "../losses/cross_entropy.hpp"

/// MBT: A. Nagrani, S. Yang, A. Arnab, A. Jansen, C. Schmid, C. Sun, "Attention Bottlenecks for Multimodal Fusion",
/// NeurIPS 2021. Two vision transformers, for frames and for a spectrogram, that exchange information only through a
/// handful of bottleneck tokens, and only in their upper layers.
namespace multifuse::mbt {

struct rgb { static constexpr std::string_view name = "rgb"; };
struct spectrogram { static constexpr std::string_view name = "spectrogram"; };

/// How the streams meet from the fusion layer on.
enum class exchange {
  bottleneck,
  cross_attention,  ///< each stream attends to all streams ("cross" in the paper's figure 1)
  joint_attention   ///< one sequence of all tokens with one set of weights
};

/// What the classifier reads.
enum class classifier { class_tokens, mean_pool, max_pool, sum_pool };

/// The defaults are the released AudioSet model.
struct config {
  isize frames = 32, image_rows = 224, image_columns = 224;
  isize spectrogram_rows = 800, spectrogram_columns = 128;  ///< time, mel bins
  isize patch_frames = 2, patch_rows = 16, patch_columns = 16;
  isize sampled_frames = 0;  ///< 0: tubelets of all frames; else patches of this many frames, evenly spaced
  isize width = 768, heads = 12, hidden = 3072, layers = 12;
  isize fusion_layer = 8;  ///< first layer with exchange; `layers` means late fusion
  isize bottlenecks = 5;   ///< the code's "4" with class tokens, which takes one more
  isize classes = 527;
  exchange fusion = exchange::bottleneck;
  bool share_weights = false;  ///< one set of blocks for all modalities
  classifier reads = classifier::class_tokens;
  double drop_path = 0.3;  ///< stochastic depth of the last block; linear from 0 in the first

  constexpr bool has_class_tokens() const { return reads == classifier::class_tokens; }
};

namespace detail {

/// From raw samples [batch, (frames,) rows, columns, 3] to tokens with class token and positions.
template <class D, config C, class Modality> struct tokenizer;

template <class D, config C, isize Tokens> struct token_tables {
  learned_positions<D, Tokens + C.has_class_tokens(), C.width> positions;
  class_token<D, C.width, 1> front;

  constexpr void members(auto&& visit) {
    visit("positions", positions);
    if constexpr (C.has_class_tokens()) visit("class_token", front);
  }
  constexpr auto operator()(const auto& x) const {
    if constexpr (C.has_class_tokens())
      return positions(front(x));
    else
      return positions(x);
  }
};

template <class D, config C> struct tokenizer<D, C, rgb> {
  static constexpr isize sampled = C.sampled_frames;
  static constexpr patch_size patch{sampled ? 1 : C.patch_frames, C.patch_rows, C.patch_columns};
  static constexpr isize used_frames = sampled ? (sampled < C.frames ? sampled : C.frames) : C.frames;
  static constexpr isize count =
      used_frames / patch.frames * (C.image_rows / patch.rows) * (C.image_columns / patch.columns);
  tubelet_embedding<D, patch, 3, C.width> embedding;
  token_tables<D, C, count> tables;

  constexpr void members(auto&& visit) { visit("embedding", embedding), visit("tables", tables); }
  constexpr auto operator()(const auto& video) const {
    if constexpr (sampled > 0 && sampled < C.frames)
      return tables(embedding(sample(video, std::make_index_sequence<std::size_t(used_frames)>{})));
    else
      return tables(embedding(video));
  }

 private:
  /// Frame k of n stands at k * frames / (n + 1), k = 1 ... n, rounded half to even and clipped.
  static constexpr std::array<isize, std::size_t(used_frames)> places() {
    std::array<isize, std::size_t(used_frames)> result{};
    for (isize k = 1; k <= used_frames; ++k) {
      const isize divisor = used_frames + 1, whole = k * C.frames / divisor, rest = k * C.frames % divisor * 2;
      const isize rounded = whole + (rest > divisor || (rest == divisor && whole % 2 == 1));
      result[std::size_t(k - 1)] = rounded < C.frames ? rounded : C.frames - 1;
    }
    return result;
  }
  template <std::size_t... K> static constexpr auto sample(const auto& video, std::index_sequence<K...>) {
    constexpr auto where = places();
    return concat<frames_axis>(slice<frames_axis, where[K], 1>(video)...);
  }
};

template <class D, config C> struct tokenizer<D, C, spectrogram> {
  static constexpr isize count = (C.spectrogram_rows / C.patch_rows) * (C.spectrogram_columns / C.patch_columns);
  patch_embedding<D, patch_size{1, C.patch_rows, C.patch_columns}, 3, C.width> embedding;
  token_tables<D, C, count> tables;

  constexpr void members(auto&& visit) { visit("embedding", embedding), visit("tables", tables); }
  constexpr auto operator()(const auto& x) const { return tables(embedding(x)); }
};

}  // namespace detail

/// The model. `Modalities` lists rgb and spectrogram in the order in which tokens are joined; a list of one gives the
/// single-modality baselines, which never exchange anything. Inputs in that order: video
/// [batch, frames, rows, columns, 3] and spectrogram [batch, rows, columns, 3]. `model(x...)` gives logits
/// [batch, classes]; `model.stream_logits(tokens)` gives those of each modality, which training averages in the loss.
template <class D, config C = config{}, class Modalities = streams<spectrogram, rgb>> struct model;

template <class D, config C, class... M> struct model<D, C, streams<M...>> {
  static constexpr isize lower_depth = sizeof...(M) == 1 ? C.layers : C.fusion_layer;
  static constexpr weights sharing = C.share_weights ? weights::common : weights::separate;
  using list = streams<M...>;
  using block = transformer_block<D, C.width, C.heads,
                                  transformer_config{.hidden = C.hidden,
                                                     .nonlinearity = activation::gelu_tanh,
                                                     .survivors = rescale::no}>;
  using upper_recipe = std::conditional_t<
      C.fusion == exchange::bottleneck, bottleneck_fusion<block, C.bottlenecks, sharing>,
      std::conditional_t<C.fusion == exchange::cross_attention, cross_attention_fusion<block, sharing>,
                         joint_attention<block>>>;

  pack<detail::tokenizer<D, C, M>...> tokenizers;
  typename stage<lower_depth, unimodal<block, sharing>>::template over<list> lower;
  typename stage<C.layers - lower_depth, upper_recipe>::template over<list> upper;
  layer_norm<D, C.width> norm;
  linear<D, C.width, C.classes> head;

  constexpr void members(auto&& visit) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (visit(M::name, multifuse::get<I>(tokenizers)), ...);
    }(std::index_sequence_for<M...>{});
    visit("lower", lower);
    visit("upper", upper);
    visit("norm", norm);
    visit("head", head);
  }

  /// Raw samples to tokens, one bundle.
  constexpr auto tokenize(const auto&... raw) const {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return bundle_of<M...>(multifuse::get<I>(tokenizers)(raw)...);
    }(std::index_sequence_for<M...>{});
  }

  /// Tokens after the final norm. `observe(layer, state)` sees the state after each block: a bundle, a bottleneck_state
  /// or the joint tokens. Without exchange the bottleneck is switched off, an ablation of the paper.
  template <class B, class Observer = multifuse::detail::no_observer>
  constexpr auto encode(const B& tokens_in, const Observer& observe = {}, bool exchanging = true) const {
    const auto middle = run(lower, tokens_in, observe);
    const auto later = observing_from(lower_depth, observe);
    if constexpr (C.fusion == exchange::bottleneck && lower_depth < C.layers)
      return normalized(exchanging ? upper(middle, later) : upper.without_exchange(middle, later));
    else
      return normalized(run(upper, middle, later));
  }

  /// The first token of each stream of `encode`, without what only the others need of the last layer: enough for
  /// `stream_logits` and `logits` of a model with class tokens.
  template <class B>
    requires(C.has_class_tokens())
  constexpr auto encode_class_tokens(const B& tokens_in) const {
    if constexpr (lower_depth == C.layers)
      return normalized(lower.first_tokens(tokens_in));
    else
      return normalized(upper.first_tokens(run(lower, tokens_in, multifuse::detail::no_observer{})));
  }

  /// Logits of each modality's class token.
  template <class B>
    requires(C.has_class_tokens())
  constexpr auto stream_logits(const B& encoded) const {
    return transform_streams(list{}, [&]<class One>(One*) { return head(first_token(get<One>(encoded))); });
  }

  /// Logits for evaluation: the mean over modalities, or the classifier on the pooled tokens.
  template <class B> constexpr auto logits(const B& encoded) const {
    if constexpr (C.reads == classifier::class_tokens)
      return evaluate(mean_of(head(first_token(get<M>(encoded)))...));
    else if constexpr (C.reads == classifier::mean_pool)
      return head(mean<tokens_axis>(join_tokens(list{}, encoded)));
    else if constexpr (C.reads == classifier::max_pool)
      return head(max<tokens_axis>(join_tokens(list{}, encoded)));
    else
      return head(sum<tokens_axis>(join_tokens(list{}, encoded)));
  }

  constexpr auto operator()(const auto&... raw) const {
    if constexpr (C.has_class_tokens())
      return logits(encode_class_tokens(tokenize(raw...)));
    else
      return logits(encode(tokenize(raw...)));
  }

  /// Sets the rates of stochastic depth: C.drop_path * layer / (layers - 1), for training.
  void use_stochastic_depth() {
    for (isize layer = 0; layer < C.layers; ++layer) {
      const double rate = C.layers > 1 ? C.drop_path * double(layer) / double(C.layers - 1) : 0.0;
      (set_rate<M>(layer, rate), ...);
    }
  }

 private:
  template <class Stage, class B, class Observer>
  static constexpr auto run(const Stage& stage, const B& b, const Observer& observe) {
    if constexpr (std::is_same_v<Stage, pass_through>)
      return b;
    else
      return stage(b, observe);
  }
  /// An observer of layers counted from `first` on; none if there is none.
  template <class Observer> static constexpr auto observing_from(isize first, const Observer& observe) {
    if constexpr (std::is_same_v<Observer, multifuse::detail::no_observer>)
      return observe;
    else
      return [first, &observe](isize layer, const auto& state) { observe(layer + first, state); };
  }
  template <class... S> constexpr auto normalized(const bundle<S...>& b) const {
    return transform_streams(list{}, [&]<class One>(One*) { return norm(get<One>(b)); });
  }
  template <class One> void set_rate(isize layer, double rate) {
    if constexpr (lower_depth > 0)
      if (layer < lower_depth) lower.template block<One>(layer).drop_path_rate = rate;
    if constexpr (lower_depth < C.layers)
      if (layer >= lower_depth) upper.template block<One>(layer - lower_depth).drop_path_rate = rate;
  }
};

/// The losses of the paper, for logits [batch, classes] or for a bundle of them, one for each modality (then the mean
/// over modalities). Targets are (multi-)hot [batch, classes]; weights [batch], if given, exclude padded items.
namespace detail {
template <value X, class Loss> constexpr auto over_modalities(const X& logits, const Loss& loss) {
  return loss(logits);
}
template <class... S, class Loss> constexpr auto over_modalities(const bundle<S...>& logits, const Loss& loss) {
  return evaluate(mean_of(loss(get<typename S::modality>(logits))...));
}
}  // namespace detail

/// AudioSet: binary cross-entropy, summed over classes and averaged over items.
template <class Logits, value Y, value... W>
constexpr auto multilabel_loss(const Logits& logits, const Y& targets, double smoothing, const W&... item_weights) {
  return detail::over_modalities(logits, [&](const auto& x) {
    return binary_cross_entropy(x, targets, item_weights...,
                                binary_cross_entropy_options{reduction::sum_over_last_axis, smoothing});
  });
}
/// VGGSound, Kinetics, Moments: softmax cross-entropy.
template <class Logits, value Y, value... W>
constexpr auto classification_loss(const Logits& logits, const Y& targets, double smoothing, const W&... item_weights) {
  return detail::over_modalities(logits, [&](const auto& x) {
    return cross_entropy(x, targets, item_weights..., cross_entropy_options{smoothing});
  });
}
/// Epic-Kitchens: the first `Verbs` logits and the others are two classifiers; the mean of their losses.
template <isize Verbs, class Logits, value Y>
constexpr auto two_head_loss(const Logits& logits, const Y& targets, double smoothing) {
  return detail::over_modalities(logits, [&](const auto& x) {
    constexpr isize all = multifuse::detail::shape_of_t<Y>::template static_extent<width_axis>();
    const auto verbs =
        cross_entropy(slice<width_axis, 0, Verbs>(x), slice<width_axis, 0, Verbs>(targets), {.smoothing = smoothing});
    const auto nouns = cross_entropy(slice<width_axis, Verbs, all - Verbs>(x),
                                     slice<width_axis, Verbs, all - Verbs>(targets), {.smoothing = smoothing});
    return evaluate((verbs + nouns) * 0.5);
  });
}

namespace detail {
template <class M> constexpr bool is_rgb = std::is_same_v<M, rgb>;

template <config C> void name_block(const name_table::scope& block) {
  flax::norm(block, "attention_norm", "LayerNorm_0");
  flax::attention(block, "attention", "MultiHeadDotProductAttention_0", C.width, C.heads);
  flax::norm(block, "mlp_norm", "LayerNorm_1");
  flax::dense(block, "mlp.expand", "MlpBlock_0/Dense_0");
  flax::dense(block, "mlp.contract", "MlpBlock_0/Dense_1");
}
}  // namespace detail

/// The parameter names of the official checkpoints (flax, separated by "/").
template <class D, config C, class... M> name_table official_names(const model<D, C, streams<M...>>&) {
  using network = model<D, C, streams<M...>>;
  name_table table;
  const auto name_modality = [&]<class One>(One*) {
    const bool video = detail::is_rgb<One>, single = sizeof...(M) == 1;
    const std::string ours(One::name), suffix = video ? "" : "_spectrogram";
    using tokens_of_one = detail::tokenizer<D, C, One>;
    std::vector<isize> kernel{C.patch_rows, C.patch_columns, 3, C.width};
    if (video && C.sampled_frames == 0) kernel.insert(kernel.begin(), C.patch_frames);
    std::vector<std::size_t> order{kernel.size() - 1};
    for (std::size_t i = 0; i + 1 < kernel.size(); ++i) order.push_back(i);
    table.map(ours + ".embedding.weight", "embedding" + suffix + "/kernel", official::permuted(kernel, order));
    table.map(ours + ".embedding.bias", "embedding" + suffix + "/bias");
    if (C.has_class_tokens())
      table.map(ours + ".tables.class_token.vectors", video || single ? "cls" : "clsspectrogram",
                official::shaped({1, 1, C.width}));
    table.map(ours + ".tables.positions.table", "Transformer/posembed_input" + suffix + "/pos_embedding",
              official::shaped({1, tokens_of_one::count + C.has_class_tokens(), C.width}));
  };
  (name_modality(static_cast<M*>(nullptr)), ...);

  const auto name_blocks = [&](const std::string& stage, const std::string& owner, const std::string& suffix,
                               isize first, isize last) {
    for (isize layer = first; layer < last; ++layer)
      detail::name_block<C>(table.within(stage + "." + owner + "." + std::to_string(layer - first) + ".",
                                         "Transformer/encoderblock_" + std::to_string(layer) + suffix + "/"));
  };
  constexpr isize lower = network::lower_depth;
  const auto name_stage = [&](const std::string& stage, bool common, isize first, isize last) {
    if (common)
      name_blocks(stage, "shared", "", first, last);
    else
      (name_blocks(stage, std::string(M::name), detail::is_rgb<M> ? "" : "_spectrogram", first, last), ...);
  };
  name_stage("lower", C.share_weights, 0, lower);
  name_stage("upper", C.share_weights || C.fusion == exchange::joint_attention, lower, C.layers);
  if (C.fusion == exchange::bottleneck && lower < C.layers)
    table.map("upper.bottleneck", "bottleneck", official::shaped({1, C.bottlenecks, C.width}));
  const auto whole = table.within("", "");
  flax::norm(whole, "norm", "Transformer/encoder_norm");
  flax::dense(whole, "head", "output_projection");
  return table;
}

}  // namespace multifuse::mbt
