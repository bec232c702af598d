#pragma once
#include "../ops/attention_probabilities.hpp"
#include "linear.hpp"

namespace multifuse {

/// The message of a refused head count.
template <isize Width, isize Heads>
concept heads_divide_width = Heads > 0 && Width % Heads == 0;

/// Multi-head attention (Vaswani et al. 2017) with separate projections: queries from one value, keys and values from
/// another. x [batch..., tokens, Width], context [batch..., tokens', Width] -> [batch..., tokens, Width]. Projections
/// are let go before the output is computed.
template <class D, isize Width, isize Heads, bool ProjectionBias = true>
  requires heads_divide_width<Width, Heads>
struct multi_head_attention {
  linear<D, Width, Width, ProjectionBias> query, key, values;
  linear<D, Width, Width> output;

  constexpr void members(auto&& visit) {
    visit("query", query);
    visit("key", key);
    visit("value", values);
    visit("output", output);
  }

  /// Self-attention.
  template <value X> constexpr auto operator()(const X& x) const { return (*this)(x, x); }

  /// Attention of x to a context.
  template <value X, value C> constexpr auto operator()(const X& x, const C& context) const {
    const auto mixed = attention<Heads>(query(x), key(context), values(context));
    return output(mixed);
  }

  /// Attention to the context tokens whose key_mask [batch..., tokens'] is 1; 0 hides a token.
  template <value X, value C, value Mask>
  constexpr auto operator()(const X& x, const C& context, const Mask& key_mask) const {
    const auto mixed = masked_attention<Heads>(query(x), key(context), values(context), key_mask);
    return output(mixed);
  }

  /// Attention with a bias on the scores, as in `biased_attention`: minus infinity hides a key.
  template <value X, value C, value Bias>
  constexpr auto biased(const X& x, const C& context, const Bias& bias) const {
    const auto mixed = biased_attention<Heads>(query(x), key(context), values(context), bias, {});
    return output(mixed);
  }

  /// What each token of x attends to: [batch..., heads, queries, keys]; with the bias of `biased` if there is one.
  template <value X, value C, value... Bias>
  constexpr auto probabilities(const X& x, const C& context, const Bias&... bias) const {
    return attention_probabilities<Heads>(query(x), key(context), {}, bias...);
  }
};

/// Attention of one stream to another: `cross(x, context)`.
template <class D, isize Width, isize Heads> struct cross_attention : multi_head_attention<D, Width, Heads> {};

}  // namespace multifuse
