#pragma once
#include "../ops/dropout.hpp"
#include "attention.hpp"
#include "layer_norm.hpp"
#include "masked_tokens.hpp"
#include "mlp.hpp"

namespace multifuse {

/// Where a transformer block normalizes: before each branch (pre-LN, ViT) or after each sum (post-LN, the original).
enum class norm_placement { before, after };

/// The variants of a transformer block.
struct transformer_config {
  isize hidden = 0;  ///< width inside the MLP; 0 means four times the block's width
  double epsilon = 1e-6;
  activation nonlinearity = activation::gelu;
  norm_placement norm = norm_placement::before;
  bool projection_bias = true;       ///< of queries, keys and values
  rescale survivors = rescale::yes;  ///< of stochastic depth: divided by the probability of keeping them, or as they are
};

/// A transformer block: attention and MLP, each with a norm and a residual sum. [batch..., tokens, Width] -> the same.
/// Example: `transformer_block<cpu<float>, 768, 12> block; auto y = block(x);`
template <class D, isize Width, isize Heads, transformer_config C = transformer_config{}>
  requires heads_divide_width<Width, Heads>
struct transformer_block {
  static constexpr isize width_of_tokens = Width;
  static constexpr bool tokens_are_independent = true;  ///< block(some tokens of x, x) are those tokens of block(x)
  using device = D;

  layer_norm<D, Width, norm_config{C.epsilon}> attention_norm, mlp_norm;
  multi_head_attention<D, Width, Heads, C.projection_bias> attention;
  mlp<D, Width, (C.hidden ? C.hidden : 4 * Width), C.nonlinearity> feed_forward;
  random_stream attention_path, mlp_path;
  double drop_path_rate = 0;  ///< probability of dropping a branch for an item, in training

  constexpr void members(auto&& visit) {
    visit("attention_norm", attention_norm);
    visit("attention", attention);
    visit("mlp_norm", mlp_norm);
    visit("mlp", feed_forward);
    visit("attention_path", attention_path);
    visit("mlp_path", mlp_path);
  }

  /// What the attention branch adds to x (before stochastic depth); for parallel adapters.
  template <value X> constexpr auto attention_branch(const X& x) const {
    if constexpr (C.norm == norm_placement::before)
      return attention(attention_norm(x));
    else
      return attention(x);
  }
  /// What the MLP branch adds to x.
  template <value X> constexpr auto mlp_branch(const X& x) const {
    const auto normalized = [&] {
      if constexpr (C.norm == norm_placement::before)
        return mlp_norm(x);
      else
        return x;
    };
    if constexpr (decltype(feed_forward)::template is_one_operation<X>) {
      return feed_forward(normalized());
    } else {
      const auto hidden = feed_forward.hidden(normalized());  // then nobody holds what it read
      return feed_forward.contract(hidden);
    }
  }

  /// Every token attends to every token.
  template <value X> constexpr auto operator()(const X& expression) const {
    using S = detail::shape_of_t<X>;
    using fits = extent_mismatch<transformer_block, last_tag<S>, Width, S::static_extents.back()>;
    static_assert(fits::value,
                  "multifuse: this layer expects another extent on this axis (read: layer, axis, expected, got)");
    const auto x = evaluate(expression);
    if constexpr (fits::value)
      return detail::computed_at_run_time(
          [&](const auto& y) { return attend_and_finish(y, [&](const auto& z) { return attention_branch(z); }); }, x);
    else
      return x;
  }

  /// The tokens of x attend to a context, which passes through the same norm; the context is not updated.
  template <value X, value Context> constexpr auto operator()(const X& expression, const Context& context) const {
    return attend_and_finish(evaluate(expression), [&](const auto& x) { return attended(x, context); });
  }

  /// Self-attention to the tokens whose key_mask [batch..., tokens] is 1.
  template <value X, value Mask> constexpr auto masked(const X& expression, const Mask& key_mask) const {
    return attend_and_finish(evaluate(expression), [&](const auto& x) {
      if constexpr (C.norm == norm_placement::before) {
        const auto normalized = attention_norm(x);
        return attention(normalized, normalized, key_mask);
      } else {
        return attention(x, x, key_mask);
      }
    });
  }

  /// Self-attention of a stream with padding, which keeps its mask.
  template <class X, class M> constexpr auto operator()(const masked_tokens<X, M>& x) const {
    return masked_tokens{masked(x.content, x.kept), x.kept};
  }
  /// Attention to a context, where one of the two or both have padding.
  template <stream_content X, stream_content Context>
    requires(is_masked<X> || is_masked<Context>)
  constexpr auto operator()(const X& expression, const Context& context) const {
    const auto y = attend_and_finish(evaluate(content_of(expression)), [&](const auto& x) {
      return attended(x, content_of(context), mask_of(context));
    });
    if constexpr (is_masked<X>)
      return masked_tokens{y, expression.kept};
    else
      return y;
  }

  /// Self-attention with a given pattern of stochastic depth: branches of item i are multiplied by kept_attention[i] and
  /// kept_mlp[i], both [batch].
  template <value X, value A, value M>
  constexpr auto with_paths(const X& expression, const A& kept_attention, const M& kept_mlp) const {
    const auto x = evaluate(expression);
    const auto first = evaluate(x + drop_path(attention_branch(x), kept_attention));
    return finish(first, [&](const auto& branch) { return drop_path(branch, kept_mlp); });
  }

 private:
  template <value X, value Context, value... Mask>
  constexpr auto attended(const X& x, const Context& context, const Mask&... key_mask) const {
    if constexpr (C.norm == norm_placement::before)
      return attention(attention_norm(x), attention_norm(context), key_mask...);
    else
      return attention(x, context, key_mask...);
  }
  /// Nothing of the attention but its sum with x is still there when the MLP runs.
  template <value X, class Attention> constexpr auto attend_and_finish(const X& x, const Attention& branch) const {
    const auto first = evaluate(x + drop_path(branch(x), drop_path_rate, attention_path, C.survivors));
    return finish(first, [&](const auto& one) { return drop_path(one, drop_path_rate, mlp_path, C.survivors); });
  }
  template <value X, class Path> constexpr auto finish(const X& first, const Path& path) const {
    if constexpr (C.norm == norm_placement::before) {
      return evaluate(first + path(mlp_branch(first)));
    } else {
      const auto normalized = attention_norm(first);
      return mlp_norm(normalized + path(mlp_branch(normalized)));
    }
  }
};

}  // namespace multifuse
