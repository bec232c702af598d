#pragma once
#include "../ops/concat.hpp"
#include "../ops/dropout.hpp"
#include "../ops/gather.hpp"
#include "../ops/medoids.hpp"
#include "../ops/pooling.hpp"
#include "../ops/random_places.hpp"
#include "../ops/rearrange.hpp"
#include "../tape/members.hpp"

namespace multifuse {

/// How many tokens become few. The first four, and strided_random, look at windows of neighboring tokens
/// (strided_random at interleaved ones) or at all tokens channel by channel; the others keep whole tokens.
enum class pooling_kind {
  none,              ///< all tokens stay
  max,               ///< the largest of each window, for every channel
  average,           ///< the mean of each window; padding counts as zeros
  weighted_average,  ///< the mean of each window weighted by scores
  largest_values,    ///< the `kept` largest values of every channel, largest first
  top_tokens,        ///< the `kept` tokens with the largest scores, largest first
  medoids,           ///< `kept` medoids of the tokens, weighted by scores
  sampled_tokens,    ///< `kept` tokens at random, without replacement, with probabilities proportional to scores
  random_tokens,     ///< `kept` tokens at random
  strided_random     ///< one token at random of each window w, w + n, w + 2n ... of the n windows
};

/// What `token_pooling` does.
struct token_pooling_config {
  pooling_kind kind = pooling_kind::max;
  isize window = 0;      ///< tokens of a window, and the distance between two; tokens behind the last are dropped
  isize padding = 0;     ///< tokens added at both ends before windows are laid
  isize kept = 0;        ///< tokens that stay, where there are no windows
  isize iterations = 5;  ///< of the medoids

  constexpr bool uses_windows() const {
    return kind == pooling_kind::max || kind == pooling_kind::average || kind == pooling_kind::weighted_average ||
           kind == pooling_kind::strided_random;
  }
  constexpr bool uses_scores() const {
    return kind == pooling_kind::weighted_average || kind == pooling_kind::top_tokens ||
           kind == pooling_kind::medoids || kind == pooling_kind::sampled_tokens;
  }
  constexpr bool valid() const {
    if (window < 0 || padding < 0 || kept < 0 || iterations < 0) return false;
    return kind == pooling_kind::none || (uses_windows() ? window > 0 && 2 * padding <= window : kept > 0);
  }
};

/// The message of a pooling without windows or without a number of tokens to keep.
template <token_pooling_config C>
concept valid_token_pooling = C.valid();

namespace detail {
struct constant_formula {
  double value;
  MULTIFUSE_HD double operator()(isize) const { return value; }
};
}  // namespace detail

/// Sparse token pooling (Ding et al. 2021, SFT): [batch, tokens, width] -> [batch, fewer tokens, width]. Scores [batch,
/// tokens], where the kind uses them, say how much a token counts, such as the attention it receives; gradients reach
/// them in a weighted average only. Random kinds draw from the tape's key, so anew in each step, and without a tape
/// always the same. Throws shape_error where windows or kept tokens do not fit.
/// Example: `token_pooling<token_pooling_config{.kind = pooling_kind::top_tokens, .kept = 4}> pool; pool(x, scores);`
template <token_pooling_config C>
  requires valid_token_pooling<C>
struct token_pooling {
  static constexpr bool uses_scores = C.uses_scores();
  random_stream choice;

  constexpr void members(auto&& visit) { visit("choice", choice); }

  /// Without scores.
  template <value X>
    requires(!uses_scores)
  constexpr auto operator()(const X& expression) const {
    const auto x = evaluate(expression);
    if constexpr (C.kind == pooling_kind::max)
      return max_pool<windows>(x);
    else if constexpr (C.kind == pooling_kind::average)
      return average_pool<windows>(x);
    else if constexpr (C.kind == pooling_kind::largest_values)
      return largest_values<tokens_axis, C.kept>(x);
    else if constexpr (C.kind == pooling_kind::random_tokens)
      return gather<tokens_axis>(
          x, random_places<C.kept>(computed(rows_of(x.dims()), detail::constant_formula{1}, x), key_for(x)));
    else if constexpr (C.kind == pooling_kind::strided_random)
      return one_of_each_window(x);
    else
      return x;
  }

  /// With scores.
  template <value X, value W>
    requires uses_scores
  constexpr auto operator()(const X& expression, const W& scores) const {
    const auto x = evaluate(expression);
    using S = detail::shape_of_t<X>;
    static_assert(same_axes_in_order<exchange_axis<S, width_axis>, detail::shape_of_t<W>>,
                  "multifuse: scores have one number for each token");
    if constexpr (C.kind == pooling_kind::weighted_average) {
      const auto column = split<tokens_axis, tokens<>, width<1>>(evaluate(scores));
      return evaluate(average_pool<windows>(x * column) / (average_pool<windows>(column) + 1e-5));
    } else if constexpr (C.kind == pooling_kind::top_tokens) {
      return gather<tokens_axis>(x, largest_places<C.kept>(scores));
    } else if constexpr (C.kind == pooling_kind::sampled_tokens) {
      return gather<tokens_axis>(x, random_places<C.kept>(scores, key_for(x)));
    } else {
      constexpr isize all = S::template static_extent<tokens_axis>();
      if constexpr (all != dynamic && all <= C.kept)
        return x;
      else
        return gather<tokens_axis>(x, medoid_places<C.kept>(x, scores, C.iterations));
    }
  }

 private:
  static constexpr window_config windows{.kernel = {C.window}, .stride = {C.window}, .padding = {C.padding}};

  template <class S> static constexpr auto rows_of(const S& x) {
    using R = exchange_axis<S, width_axis>;
    std::array<isize, R::rank> extents{};
    for (std::size_t i = 0; i != R::rank; ++i) extents[i] = x[i];
    return R::from(extents);
  }

  template <value X> constexpr random_key key_for(const X& x) const {
    if constexpr (on_tape<X>)
      return detail::next_key(*detail::recorder_of(x), choice);
    else
      return random_key{}.split(choice.id);
  }

  template <value X> constexpr auto one_of_each_window(const X& x) const {
    using S = detail::shape_of_t<X>;
    if constexpr (C.padding > 0) {
      using pad = resize_axis<S, tokens_axis, C.padding>;
      const auto zeros = computed(with_extent<pad, tokens_axis>(x.dims(), C.padding), detail::constant_formula{0}, x);
      return picked_from(concat<tokens_axis>(zeros, x, zeros));
    } else {
      return picked_from(x);
    }
  }
  template <value X> constexpr auto picked_from(const X& x) const {
    using S = detail::shape_of_t<X>;
    constexpr isize all = S::template static_extent<tokens_axis>();
    static_assert(all == dynamic || all % C.window == 0, "multifuse: interleaved windows must divide the tokens");
    const isize extent = x.dims().template extent<tokens_axis>();
    if (extent % C.window != 0)
      throw shape_error("token_pooling", "interleaved windows do not divide the tokens axis",
                        "a multiple of " + std::to_string(C.window), std::to_string(extent));
    using R = resize_axis<exchange_axis<S, width_axis>, tokens_axis, (all == dynamic ? dynamic : all / C.window)>;
    const auto result = with_extent<R, tokens_axis>(rows_of(x.dims()), extent / C.window);
    return gather<tokens_axis>(x, strided_places(result, C.window, key_for(x), x));
  }
};

}  // namespace multifuse
