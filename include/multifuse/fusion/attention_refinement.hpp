#pragma once
#include "../ops/reduce.hpp"
#include "../ops/softmax.hpp"

namespace multifuse {

/// How the attention of another modality weights tokens: by the ratio of the means, or through a softmax.
enum class refinement { ratio, softmax };

/// What `refine_by_attention` gives: weights [batch, heads, keys] and tokens [batch, tokens, width].
template <class W, class X> struct refined_tokens {
  W weights;
  X tokens;
};
template <class W, class X> refined_tokens(W, X) -> refined_tokens<W, X>;

/// Tokens of one modality weighted by what the class tokens of two modalities attend to (Sarkar and Etemad, "XKD", AAAI
/// 2024): x [batch, tokens, width], own attention [batch, heads, keys] with a key for each token, the other's [batch,
/// heads, keys']. Their outer product is averaged over the other's keys, then divided by the own mean (`ratio`) or
/// passed through a softmax. Tokens are multiplied by the mean over heads, and each item so that its mean token keeps
/// its length.
template <value X, value A, value B>
constexpr auto refine_by_attention(const X& x, const A& own, const B& other, refinement mode = refinement::ratio) {
  const auto whole = mean<keys_axis>(other);
  const auto weights =
      mode == refinement::softmax ? softmax(own * whole) : evaluate(own * (whole / mean<keys_axis>(own)));
  const auto weighted = evaluate(x * rename<keys_axis, tokens_axis>(mean<heads_axis>(weights)));
  const auto energy = [](const auto& z) { return sum<width_axis>(square(mean<tokens_axis>(z))); };
  return refined_tokens{weights, evaluate(weighted * sqrt(energy(x) / energy(weighted)))};
}

}  // namespace multifuse
