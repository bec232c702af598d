#pragma once
#include <array>
#include <string>

#include "../fusion/join.hpp"
#include "../io/framework_names.hpp"
#include "../layers/embedding.hpp"
#include "../layers/gated_linear.hpp"
#include "../layers/missing_token.hpp"
#include "../layers/sequence_network.hpp"
#include "../layers/transformer_block.hpp"
#include "../losses/combinatorial.hpp"
#include "../losses/similarity_ranking.hpp"
#include "../ops/normalize.hpp"

/// Everything at Once: N. Shvetsova, B. Chen, A. Rouditchenko, S. Thomas, B. Kingsbury, R. Feris, D. Harwath, J. Glass,
/// H. Kuehne, "Everything at Once - Multi-modal Fusion Transformer for Video Retrieval", CVPR 2022. One small
/// transformer, without modality or position embeddings, takes the tokens of any of text, video and audio; its output
/// is projected to one space for retrieval, and all combinations are contrasted.
namespace multifuse::everything_at_once {

struct text { static constexpr std::string_view name = "text"; };
struct video { static constexpr std::string_view name = "video"; };
struct audio { static constexpr std::string_view name = "audio"; };
using modalities = streams<text, video, audio>;

/// What is embedded in training: each modality and each pair. Any other `streams` of modalities can be asked for.
using combinations = streams<streams<text>, streams<video>, streams<audio>, streams<text, video>, streams<text, audio>,
                             streams<video, audio>>;

/// The defaults are the published model on word vectors, ResNet-152 and ResNeXt-101 features.
struct config {
  isize text_features = 300, video_features = 4096, bins = 40;  ///< widths of the inputs
  sequence_network_config audio_network = {};
  isize width = 4096, heads = 64, depth = 1;
  isize hidden = 0;  ///< width inside the MLP; 0 means `width`
  isize projection = 6144;
  bool class_token = false;        ///< ablation: read out one token instead of means; needs a shared projection
  bool shared_projection = false;  ///< ablation: one projection instead of one for each modality
  bool separate_blocks = false;    ///< control: a transformer for each modality, so that pairs are averaged, not fused
  isize text_places = 0, video_places = 0, audio_places = 0;  ///< ablation: tokens with learned positions; 0: none
};

/// Features of a modality to tokens; learned positions, if any, come after missing tokens are filled in.
template <class D, isize In, isize Width, isize Places> struct token_layer {
  gated_linear<D, In, Width> projection;
  layer_norm<D, Width> norm;
  std::array<learned_positions<D, (Places > 0 ? Places : 1), Width>, (Places > 0)> positions;

  constexpr void members(auto&& visit) {
    visit("projection", projection), visit("norm", norm);
    for (auto& own : positions) visit("positions", own);
  }
  template <value X> constexpr auto operator()(const X& x) const { return norm(projection(x)); }
  template <value X> constexpr auto placed(const X& x) const {
    if constexpr (Places > 0) return positions[0](x);
    else return x;
  }
};

/// Embeddings by `combinations` and who has the modalities: `get<streams<text, video>>(e.of)`, `get<text>(e.present)`.
template <class Of, class Present> struct embeddings {
  Of of;            ///< [batch, projection] each
  Present present;  ///< [batch] each, 1 or 0
};
template <class Of, class Present> embeddings(Of, Present) -> embeddings<Of, Present>;

/// Text [batch, tokens, text_features], video [batch, tokens, video_features] and log-mel spectrograms [batch, tokens
/// (frames), bins], each with or without a mask [batch, tokens]: what a mask keeps nothing of lacks the modality.
template <class D, config C = config{}> struct model {
  static_assert(!C.class_token || (C.shared_projection && !C.separate_blocks),
                "multifuse: a class token is read out of shared blocks by a shared projection");
  using block = transformer_block<D, C.width, C.heads, transformer_config{.hidden = C.hidden ? C.hidden : C.width}>;
  using transformer = repeat<block, C.depth>;
  using transformers = std::conditional_t<C.separate_blocks, per_modality<transformer, modalities>, transformer>;
  using head = gated_linear<D, C.width, C.projection>;

  token_layer<D, C.text_features, C.width, C.text_places> text_tokens;
  token_layer<D, C.video_features, C.width, C.video_places> video_tokens;
  token_layer<D, C.audio_network.width(), C.width, C.audio_places> audio_tokens;
  sequence_network<D, C.bins, C.audio_network> audio_network;
  missing_token<D, C.width> missing;
  std::array<class_token<D, C.width>, C.class_token> front;
  transformers blocks = official_start();
  std::conditional_t<C.shared_projection, head, per_modality<head, modalities>> projections;

  constexpr void members(auto&& visit) {
    visit("text_tokens", text_tokens), visit("video_tokens", video_tokens), visit("audio_tokens", audio_tokens);
    visit("audio_network", audio_network), visit("missing", missing);
    for (auto& own : front) visit("front", own);
    visit("blocks", blocks), visit("projections", projections);
  }

  template <class M> constexpr const auto& layer_of() const {
    if constexpr (std::is_same_v<M, text>) return text_tokens;
    if constexpr (std::is_same_v<M, video>) return video_tokens;
    if constexpr (std::is_same_v<M, audio>) return audio_tokens;
  }
  template <class M> constexpr const head& projection_of() const {
    if constexpr (C.shared_projection) return projections;
    else return projections.template layer<M>();
  }

  /// Tokens [batch, tokens, width] of a modality with their mask; those of the audio are fewer than its frames.
  template <class M, stream_content X> auto tokens(const X& raw) const {
    if constexpr (std::is_same_v<M, audio>) {
      const auto x = audio_network(content_of(raw));
      return masked_tokens{audio_tokens(x), coarser_mask(mask_of(raw), extent<tokens_axis>(x))};
    } else {
      return masked_tokens{layer_of<M>()(content_of(raw)), mask_of(raw)};
    }
  }
  /// The same as the transformer takes them: with a learned token where an item has none.
  template <class M, stream_content X> auto completed(const X& raw) const {
    const auto filled = missing(tokens<M>(raw));
    const masked_tokens placed{layer_of<M>().placed(filled.tokens.content), filled.tokens.kept};
    return completed_tokens{placed, filled.present};
  }

  /// Tokens of some modalities, of a bundle of masked streams, behind the blocks; a class token is in front.
  template <class... M, class... S> auto fused(streams<M...> list, const bundle<S...>& completed) const {
    const auto y = join_tokens(list, completed);
    if constexpr (C.class_token) return blocks(concat_tokens(expand_batch(front[0].vectors, y.content), y));
    else return blocks(y);
  }
  /// The same taken apart again, stream by stream; or what the modalities' own transformers make of each alone.
  template <class... M, class... S> auto apart(streams<M...> list, const bundle<S...>& completed) const {
    if constexpr (C.separate_blocks)
      return transform_streams(list, [&]<class M1>(M1*) { return blocks.template layer<M1>()(get<M1>(completed)); });
    else
      return separate_tokens(list, completed, fused(list, completed));
  }
  /// Their embedding [batch, projection]: of one modality its projected mean token, of several the mean of those, each
  /// of length 1; or the projected class token.
  template <class... M, class... S> auto embed(streams<M...> list, const bundle<S...>& completed) const {
    if constexpr (C.class_token) {
      return projections(mean<tokens_axis>(slice<tokens_axis, 0, 1>(fused(list, completed).content)));
    } else {
      const auto y = apart(list, completed);
      return averaged(list, transform_streams(list, [&]<class One>(One*) {
        return projection_of<One>()(mean_token(get<One>(y)));
      }));
    }
  }
  /// The mean of several modalities' embeddings, each of length 1 before; a single one as it is. Of embeddings from
  /// passes of their own this is the late fusion that the paper compares with.
  template <class... M, class B> static auto averaged(streams<M...>, const B& of) {
    if constexpr (sizeof...(M) == 1) return (get<M>(of), ...);
    else return evaluate(mean_of(l2_normalize(get<M>(of), 1e-8)...));
  }

  /// All combinations.
  template <stream_content T, stream_content V, stream_content A>
  auto operator()(const T& raw_text, const V& raw_video, const A& raw_audio) const {
    const auto t = completed<text>(raw_text);
    const auto v = completed<video>(raw_video);
    const auto a = completed<audio>(raw_audio);
    const auto all = bundle_of<text, video, audio>(t.tokens, v.tokens, a.tokens);
    return embeddings{transform_streams(combinations{}, [&]<class Which>(Which*) { return embed(Which{}, all); }),
                      bundle_of<text, video, audio>(t.present, v.present, a.present)};
  }

 private:
  static constexpr transformers official_start() {
    transformer made{};
    for (auto& one : made.layers) {
      const auto start = [](auto&... weight) { (weight.set_start(init::truncated_normal(0.02)), ...); };
      start(one.attention.query.weight, one.attention.key.weight, one.attention.values.weight,
            one.attention.output.weight, one.feed_forward.expand.weight, one.feed_forward.contract.weight);
    }
    if constexpr (C.separate_blocks) return {{made}, {made}, {made}};
    else return made;
  }
};

/// The loss between two streams: NormSoftmax, or masked margin softmax.
enum class pair_loss { norm_softmax, margin_softmax };

/// The weights are those of pretraining; fine-tuning gives all pairs the same.
struct loss_options {
  double text_video = 1, text_audio = 0.1, video_audio = 0.1;
  double text_with_video_audio = 0.1, video_with_text_audio = 0.1, audio_with_text_video = 0.1;
  pair_loss base = pair_loss::norm_softmax;
  double temperature = 0.05, margin = 0.001;
};

/// The combinatorial loss over the three pairs of modalities and the three of one modality and the other two fused.
template <class Of, class Present> auto loss(const embeddings<Of, Present>& e, const loss_options& options = {}) {
  const auto pair = [&]<class... A, class... B>(double weight, streams<A...>, streams<B...>) {
    return weighted_pair{weight, get<streams<A...>>(e.of), get<streams<B...>>(e.of),
                         evaluate((get<A>(e.present) * ...) * (get<B>(e.present) * ...))};
  };
  using t = streams<text>; using v = streams<video>; using a = streams<audio>;
  return combinatorial_loss(
      [&](const auto& x, const auto& y) {
        return options.base == pair_loss::norm_softmax ? norm_softmax(x, y, options.temperature)
                                                       : margin_softmax(x, y, options.margin);
      },
      pair(options.text_video, t{}, v{}), pair(options.text_audio, t{}, a{}), pair(options.video_audio, v{}, a{}),
      pair(options.text_with_video_audio, t{}, streams<video, audio>{}),
      pair(options.video_with_text_audio, v{}, streams<text, audio>{}),
      pair(options.audio_with_text_video, a{}, streams<text, video>{}));
}

/// The parameter names of the authors' checkpoints (PyTorch; some saved with "module." in front).
template <class D, config C> requires(!C.separate_blocks) name_table official_names(const model<D, C>&) {
  name_table table;
  table.optional_prefix("module.");
  for (const char* const one : {"fusion.norm.", "davenet.batchnorm1.", "num_batches_tracked"}) table.unused(one);
  table.map("missing.vector", "fusion.masking_token");
  const auto all = table.within("", "");
  const auto gated = [&](const std::string& ours, const std::string& theirs) {
    pytorch::linear(all, ours + ".projection", theirs + ".fc"), pytorch::linear(all, ours + ".gate", theirs + ".cg.fc");
  };
  const std::array<isize, 3> places{C.text_places, C.video_places, C.audio_places};
  std::size_t number = 0;
  for (const std::string m : {"text", "video", "audio"}) {
    gated(m + "_tokens.projection", m + "_token_proj");
    pytorch::norm(all, m + "_tokens.norm", m + "_norm_layer");
    if (const isize n = places[number++]; n > 0)
      all.map(m + "_tokens.positions.table", m + "_pos_embed", official::shaped({1, n, C.width}));
    if (!C.shared_projection) gated("projections." + m, m + "_proj");
  }
  if (C.shared_projection) gated("projections", "proj");
  if (C.class_token) all.map("front.vectors", "fusion.cls_token", official::shaped({1, 1, C.width}));
  pytorch::vision_blocks(all, "blocks.", "fusion.blocks.", C.depth, C.width);
  const auto& n = C.audio_network;
  const auto network = table.within("audio_network.", "davenet.");
  network.map("first.weight", "conv1.weight", official::shaped({n.widths[0], 1, C.bins, 1}));
  pytorch::batch_norm(network, "first_norm", "bn1");
  for (std::size_t s = 0; s < n.stages(); ++s)
    for (isize b = 0; b < n.blocks[s]; ++b) {
      const std::string at = "." + std::to_string(b) + ".";
      const auto block = network.within("stages." + std::to_string(s) + at, "layer" + std::to_string(s + 1) + at);
      const isize out = n.widths[s + 1], in = b == 0 ? n.widths[s] : out;
      const auto over_time = [&](isize from, isize taps) {
        return official::permuted({out, from, 1, taps}, {0, 2, 3, 1});
      };
      block.map("first.weight", "conv1.weight", over_time(in, n.taps));
      block.map("second.weight", "conv2.weight", over_time(out, n.taps));
      pytorch::batch_norm(block, "first_norm", "bn1"), pytorch::batch_norm(block, "second_norm", "bn2");
      if (b > 0) continue;
      block.map("shortcut.projection.weight", "downsample.0.weight", over_time(in, 1));
      pytorch::batch_norm(block, "shortcut.norm", "downsample.1");
    }
  return table;
}

}  // namespace multifuse::everything_at_once
