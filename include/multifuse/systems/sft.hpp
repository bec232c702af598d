#pragma once
#include <algorithm>
#include <string>
#include <utility>

#include "../fusion/readout.hpp"
#include "../io/framework_names.hpp"
#include "../layers/attention.hpp"
#include "../layers/embedding.hpp"
#include "../layers/layer_norm.hpp"
#include "../layers/mlp.hpp"
#include "../layers/repeat.hpp"
#include "../layers/token_pooling.hpp"
#include "../losses/cross_entropy.hpp"
#include "../ops/block_sparse.hpp"
#include "../train/mixup.hpp"
#include "../train/schedule.hpp"

/// SFT: Y. Ding, A. Rich, M. Wang, N. Stier, M. Turk, P. Sen, T. Höllerer, "Sparse Fusion for Multimodal Transformers",
/// arXiv 2111.11992, 2021. Three token streams pass short transformers of their own and are pooled to a handful of
/// tokens each; one deep transformer fuses what is left.
namespace multifuse::sft {

/// One input: vectors [batch, tokens, features] and the windows that pool their tokens.
struct stream_config {
  isize features, tokens;
  isize window = 0, padding = 0;
};

/// The windows that leave about `kept` tokens, where a run does not name its own.
constexpr stream_config with_windows(stream_config s, isize kept) {
  s.window = (s.tokens + kept - 1) / kept;
  s.padding = std::min((s.window * kept - s.tokens) / 2, s.window / 2);
  return s;
}

/// The defaults are the published VGGSound model; its third stream, "text", is optical flow.
struct config {
  stream_config rgb{1024, 38, 38}, spec{128, 1200, 64}, text{1024, 38, 38};
  isize width = 40, heads = 5;
  isize unimodal_depth = 1, fused_depth = 11;
  isize classes = 10;
  pooling_kind pooling = pooling_kind::max;
  isize kept = 5;  ///< tokens of each stream after poolings without windows
  /// The pattern of the attention before pooling. The released code never applies it; that is stride 0.
  isize sparse_stride = 0, sparse_expressivity = 8;
  constexpr isize depth() const { return unimodal_depth + fused_depth; }
};

/// A linear layer, a class token in front, a learned vector for each place: [batch, tokens, features] -> [batch, 1 +
/// tokens, width].
template <class D, stream_config S, isize Width> struct tokenizer {
  linear<D, S.features, Width> projection;
  class_token<D, Width> front;
  learned_positions<D, S.tokens + 1, Width> positions;
  constexpr void members(auto&& visit) {
    visit("projection", projection), visit("class_token", front), visit("positions", positions);
  }
  constexpr auto operator()(const auto& x) const { return positions(front(projection(x))); }
};

/// Attention to standardized tokens, then an MLP as wide as its input.
template <class D, isize Width, isize Heads> struct block {
  multi_head_attention<D, Width, Heads> attention;
  layer_norm<D, Width, norm_config{1e-5}> mlp_norm;
  mlp<D, Width, Width, activation::relu> feed_forward;
  constexpr void members(auto&& visit) {
    visit("attention", attention), visit("mlp_norm", mlp_norm), visit("mlp", feed_forward);
  }
  constexpr auto operator()(const auto& x) const {
    const auto y = evaluate(x + attention(standardize(x)));
    return evaluate(y + feed_forward(mlp_norm(y)));
  }
};

/// Everything a stream passes before fusion.
template <class D, config C, stream_config S> struct encoder {
  static constexpr token_pooling_config pooling{C.pooling, S.window, S.padding, C.kept};
  sft::tokenizer<D, S, C.width> tokenizer;
  repeat<block<D, C.width, C.heads>, C.unimodal_depth> blocks;
  multi_head_attention<D, C.width, C.heads> pooling_attention;
  token_pooling<pooling> pool;
  constexpr void members(auto&& visit) {
    visit("tokenizer", tokenizer), visit("blocks", blocks);
    visit("pooling_attention", pooling_attention), visit("pool", pool);
  }

  /// What the attention before pooling adds to its tokens.
  constexpr auto attended(const auto& x) const {
    const auto y = standardize(x);
    if constexpr (C.sparse_stride > 0) return pooling_attention.biased(y, y, sparse_bias(y));
    else return pooling_attention(y);
  }
  /// The weights of that attention, the mean of all heads: [batch, queries, keys].
  constexpr auto weights(const auto& x) const {
    const auto y = standardize(x);
    if constexpr (C.sparse_stride > 0) return mean<heads_axis>(pooling_attention.probabilities(y, y, sparse_bias(y)));
    else return mean<heads_axis>(pooling_attention.probabilities(y, y));
  }
  /// The attention that each token but the class token receives from the others: [batch, tokens].
  static constexpr auto scores(const auto& weights_of_all) {
    const auto received = slice<queries_axis, 1, S.tokens>(slice<keys_axis, 1, S.tokens>(weights_of_all));
    return rename<keys_axis, tokens_axis>(mean<queries_axis>(received));
  }

  /// From the tokens after the blocks: the class token, and the others pooled.
  constexpr auto pooled(const auto& x) const {
    const auto y = evaluate(x + attended(x));
    const auto first = slice<tokens_axis, 0, 1>(y);
    const auto rest = slice<tokens_axis, 1, S.tokens>(y);
    if constexpr (pooling.uses_scores()) return std::pair(first, pool(rest, scores(weights(x))));
    else return std::pair(first, pool(rest));
  }

  /// Raw vectors to few tokens; `after_block(layer, x)` may exchange what a block gives.
  constexpr auto operator()(const auto& raw, const auto& after_block) const {
    auto x = tokenizer(raw);
    for (isize layer = 0; layer < C.unimodal_depth; ++layer) x = after_block(layer, blocks[layer](x));
    return pooled(x);
  }

 private:
  static constexpr auto sparse_bias(const auto& like) {
    return block_sparse_bias<S.tokens + 1>({C.sparse_stride, C.sparse_expressivity}, like);
  }
};

/// What `forward` may do behind a block: nothing.
struct unchanged {
  constexpr auto operator()(isize, isize, const auto& x) const { return x; }
};

/// The model. `model(rgb, spec, text)` takes vectors [batch, tokens, features] and gives logits [batch, classes].
template <class D, config C = config{}> struct model {
  encoder<D, C, C.rgb> rgb;
  encoder<D, C, C.spec> spec;
  encoder<D, C, C.text> text;
  repeat<block<D, C.width, C.heads>, C.fused_depth> fused;
  layer_norm<D, C.width, norm_config{1e-5}> norm;
  linear<D, C.width, C.classes> head;
  constexpr void members(auto&& visit) {
    visit("rgb", rgb), visit("spec", spec), visit("text", text);
    visit("fused", fused), visit("norm", norm), visit("head", head);
  }

  constexpr auto operator()(const auto& r, const auto& s, const auto& t) const {
    return forward(r, s, t, unchanged{});
  }
  /// A pass of training whose streams are mixed; the fused tokens by the mixture of the first stream, as released.
  auto mixed(const auto& r, const auto& s, const auto& t, const manifold_mixup& mix) const {
    return forward(r, s, t, [&](isize layer, isize stream, const auto& x) {
      return layer == mix.layer ? mix.each[std::size_t(stream)](x) : evaluate(x);
    });
  }
  /// The sum of the class tokens and all pooled tokens, before the fused blocks. `after_block(layer, stream, x)` may
  /// exchange what a block gives.
  constexpr auto joined(const auto& r, const auto& s, const auto& t, const auto& after_block) const {
    const auto a = rgb(r, [&](isize layer, const auto& x) { return after_block(layer, 0, x); });
    const auto b = spec(s, [&](isize layer, const auto& x) { return after_block(layer, 1, x); });
    const auto c = text(t, [&](isize layer, const auto& x) { return after_block(layer, 2, x); });
    return concat<tokens_axis>(a.first + b.first + c.first, a.second, b.second, c.second);
  }
  /// Logits; the fused blocks count on from the unimodal ones, as stream 0.
  constexpr auto forward(const auto& r, const auto& s, const auto& t, const auto& after_block) const {
    auto x = joined(r, s, t, after_block);
    for (isize layer = 0; layer < C.fused_depth; ++layer)
      x = after_block(C.unimodal_depth + layer, 0, fused[layer](x));
    return head(norm(first_token(x)));
  }

  /// The distributions that the official code starts from; call it before `initialize`.
  void use_official_starts() {
    const auto stream = [](auto& one) {
      start(one.tokenizer.projection);
      one.tokenizer.front.vectors.set_start(init::normal(1));
      one.tokenizer.positions.table.set_start(init::normal(1));
      for (auto& layer : one.blocks.layers) start(layer);
      start(one.pooling_attention, init::fan_in_uniform(C.width));
    };
    stream(rgb), stream(spec), stream(text);
    for (auto& layer : fused.layers) start(layer);
    start(head);
  }

 private:
  template <isize In, isize Out> static void start(linear<D, In, Out>& layer) {
    layer.weight.set_start(init::fan_in_uniform(In)), layer.bias.set_start(init::fan_in_uniform(In));
  }
  static void start(multi_head_attention<D, C.width, C.heads>& attention, initializer biases) {
    for (auto* const one : {&attention.query, &attention.key, &attention.values})
      one->weight.set_start(init::xavier_uniform(C.width, 3 * C.width)), one->bias.set_start(biases);
  }
  static void start(block<D, C.width, C.heads>& layer) {
    start(layer.attention, init::zeros());
    layer.attention.output.weight.set_start(init::fan_in_uniform(C.width));
    start(layer.feed_forward.expand), start(layer.feed_forward.contract);
  }
};

/// The published training on VGGSound, with AdamW without decay (on MOSEI at 1e-4): `schedule::plateau(rate)` observes
/// the loss of validation after each epoch, and the epoch where it is lowest is kept.
struct recipe {
  isize batch_size = 24, epochs = 20;
  double learning_rate = 1e-3, clip_norm = 0.8;
  schedule::plateau_options rate{.factor = 0.1, .patience = 10};
  isize first_mixed = 5;  ///< epoch from which streams are mixed
  isize first_kept = 6;   ///< epoch from which the best is looked for
};

/// A draw of mixup as published: common partners, a weight for each stream and item, behind any block.
template <config C> manifold_mixup draw_mixup(random_key key, isize batch) {
  return {key, batch, 3, C.depth(), {.alpha = 0.3, .per_item = true, .partner = mixup_partner::shuffled}};
}

/// Cross-entropy of mixed items: targets [batch, classes] are mixed by the mean of the streams' weights.
template <value X, value Y> auto mixup_loss(const X& logits, const Y& targets, const manifold_mixup& mix) {
  return cross_entropy(logits, mean_mixup(mix.each)(targets));
}

/// The parameter names of the official checkpoints (PyTorch; saved with "module." in front).
template <class D, config C> name_table official_names(const model<D, C>&) {
  name_table table;
  table.optional_prefix("module.");
  const auto network = table.within("", "network.");
  const auto blocks = [&](const std::string& ours, const std::string& theirs, isize depth) {
    for (isize layer = 0; layer < depth; ++layer) {
      const std::string number = "." + std::to_string(layer), mlp = "mlps_" + theirs + number;
      const auto block = network.within(ours + number + ".", "");
      pytorch::multi_head_attention(block, "attention", "attns_" + theirs + number, C.width);
      pytorch::norm(block, "mlp_norm", mlp + ".0");
      pytorch::linear(block, "mlp.expand", mlp + ".1"), pytorch::linear(block, "mlp.contract", mlp + ".4");
    }
  };
  const auto stream = [&](const std::string& name, isize number, isize count) {
    const auto front = table.within(name + ".tokenizer.", name + "_tokenizer.");
    pytorch::linear(front, "projection", "proj");
    front.map("class_token.vectors", "cls_token", official::shaped({1, 1, C.width}));
    front.map("positions.table", "pos_embedding", official::shaped({1, count + 1, C.width}));
    blocks(name + ".blocks", name, C.unimodal_depth);
    const auto pooling = network.within(name + ".pooling_attention.", "sparse_attn." + std::to_string(number) + ".");
    pytorch::linear(pooling, "query", "q_proj"), pytorch::linear(pooling, "key", "k_proj");
    pytorch::linear(pooling, "value", "v_proj"), pytorch::linear(pooling, "output", "out_proj");
  };
  stream("rgb", 0, C.rgb.tokens), stream("spec", 1, C.spec.tokens), stream("text", 2, C.text.tokens);
  blocks("fused", "fused", C.fused_depth);
  pytorch::norm(network, "norm", "classifier.0"), pytorch::linear(network, "head", "classifier.1");
  return table;
}

}  // namespace multifuse::sft
