#pragma once
#include "../ops/concat.hpp"
#include "../ops/pointwise.hpp"
#include "../ops/reduce.hpp"

namespace multifuse {

/// Tokens of which some are padding: what a stream of sequences of different lengths holds. Attention does not look at
/// what `kept` hides, and means leave it out.
template <class X, class Mask> struct masked_tokens {
  X content;  ///< [batch, tokens, width]
  Mask kept;  ///< [batch, tokens], 1 for tokens, 0 for padding; a tensor
};
template <class X, class Mask> masked_tokens(X, Mask) -> masked_tokens<X, Mask>;

template <class X> inline constexpr bool is_masked = false;
template <class X, class M> inline constexpr bool is_masked<masked_tokens<X, M>> = true;
template <class X, class M> inline constexpr bool on_tape<masked_tokens<X, M>> = on_tape<X>;
template <class X, class M> struct device_of<masked_tokens<X, M>> : device_of<X> {};

/// What a stream can hold.
template <class X>
concept stream_content = value<X> || is_masked<X>;

/// The tokens, with or without a mask around them.
template <value X> constexpr const X& content_of(const X& x) { return x; }
template <class X, class M> constexpr const X& content_of(const masked_tokens<X, M>& x) { return x.content; }

/// The mask of a stream, ones where it has none: [batch, tokens].
template <value X> auto mask_of(const X& x) {
  using D = device_of_t<X>;
  using S = detail::shape_of_t<X>;
  using R = shape<batch<S::template static_extent<batch_axis>()>, tokens<S::template static_extent<tokens_axis>()>>;
  return tensor<D, R>(R::from({extent<batch_axis>(x), extent<tokens_axis>(x)})).fill(typename D::scalar(1));
}
template <class X, class M> const M& mask_of(const masked_tokens<X, M>& x) { return x.kept; }

/// Keeps the first lengths[i] tokens of item i: the mask [batch, tokens] of sequences padded at their end. Throws
/// argument_error for a length outside least ... tokens; `least` is 0 for streams that pass a `missing_token`.
template <class D>
tensor<D, shape<batch<>, tokens<>>> mask_of_lengths(std::span<const isize> lengths, isize longest, isize least = 1) {
  std::vector<typename D::scalar> kept;
  for (std::size_t item = 0; item < lengths.size(); ++item) {
    if (lengths[item] < least || lengths[item] > longest)
      throw argument_error("mask_of_lengths", "wrong length of item " + std::to_string(item),
                           std::to_string(least) + " to " + std::to_string(longest), std::to_string(lengths[item]));
    for (isize i = 0; i < longest; ++i) kept.push_back(typename D::scalar(i < lengths[item]));
  }
  return {shape<batch<>, tokens<>>(isize(lengths.size()), longest), std::span<const typename D::scalar>(kept)};
}

namespace detail {
template <class T> struct coarser_mask_kernel {
  const T* kept;
  isize count, coarse_count, window;
  T* coarse;
  MULTIFUSE_HD void operator()(isize item, isize place) const {
    bool any = false;
    for (isize i = place * window; i < (place + 1) * window && i < count; ++i)
      any = any || kept[item * count + i] != T(0);
    coarse[item * coarse_count + place] = T(any);
  }
};
}  // namespace detail

/// The mask of fewer tokens, each made of neighboring ones (by strides or pooling): of equal windows of
/// ceil(tokens / count) places, those are kept that have something to keep. [batch, tokens] -> [batch, count]. Throws
/// argument_error unless 1 <= count <= tokens.
template <class D, class S> tensor<D, shape<batch<>, tokens<>>> coarser_mask(const tensor<D, S>& kept, isize count) {
  static_assert(same_axes_in_order<S, shape<batch<>, tokens<>>>, "multifuse: a mask of tokens is [batch, tokens]");
  const isize items = extent<batch_axis>(kept), before = extent<tokens_axis>(kept);
  if (count < 1 || count > before)
    throw argument_error("coarser_mask", "wrong number of tokens", "1 to " + std::to_string(before),
                         std::to_string(count));
  const tensor<D, shape<batch<>, tokens<>>> coarse(shape<batch<>, tokens<>>(items, count));
  D::for_each(items, count,
              detail::coarser_mask_kernel<typename D::scalar>{kept.data(), before, count, (before + count - 1) / count,
                                                              coarse.data()});
  return coarse;
}

/// The same tokens on a tape.
template <class X, class M> auto record(tape& recorder, const masked_tokens<X, M>& x) {
  return masked_tokens{record(recorder, x.content), x.kept};
}
template <class X, class M> auto watch(tape& recorder, const masked_tokens<X, M>& x) {
  return masked_tokens{watch(recorder, x.content), x.kept};
}

/// Streams one after the other, masked if any of them is.
template <stream_content... X> constexpr auto concat_tokens(const X&... x) {
  if constexpr ((is_masked<X> || ...))
    return masked_tokens{concat<tokens_axis>(content_of(x)...), concat<tokens_axis>(mask_of(x)...)};
  else
    return concat<tokens_axis>(x...);
}

/// The mean token of each item, without padding: [batch, width].
template <value X> constexpr auto mean_token(const X& x) { return mean<tokens_axis>(x); }
template <class X, class M> constexpr auto mean_token(const masked_tokens<X, M>& x) {
  return evaluate(sum<tokens_axis>(x.content * x.kept) / sum<tokens_axis>(x.kept));
}

}  // namespace multifuse
