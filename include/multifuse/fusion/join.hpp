#pragma once
#include "../ops/concat.hpp"
#include "../ops/pointwise.hpp"
#include "../ops/rearrange.hpp"
#include "../ops/slice.hpp"
#include "per_modality.hpp"

/// Pieces that fusion stages share: joining the tokens of streams and taking them apart again.
namespace multifuse {

/// The tokens of the listed streams, one after the other: [batch, sum of tokens, width].
template <class... M, class... S> constexpr auto join_tokens(streams<M...>, const bundle<S...>& b) {
  return concat<tokens_axis>(get<M>(b)...);
}

/// `Count` tokens from `first` on (a static or dynamic number, as in the type of `like`).
template <value X, value Like> constexpr auto tokens_like(const X& x, isize first, const Like& like) {
  constexpr isize count = detail::shape_of_t<Like>::template static_extent<tokens_axis>();
  if constexpr (count == dynamic)
    return slice<tokens_axis>(x, first, extent<tokens_axis>(like));
  else
    return slice_of<tokens_axis, count>(x, first);
}

/// The inverse of `join_tokens`: the streams of `b` with their new tokens out of `joined`.
template <class... M, class... S, value X>
constexpr auto separate_tokens(streams<M...> list, const bundle<S...>& b, const X& joined) {
  isize first = 0;
  return transform_streams(list, [&]<class One>(One*) {
    const isize begin = first;
    first += extent<tokens_axis>(get<One>(b));
    return tokens_like(joined, begin, get<One>(b));
  });
}

/// The mean of equally shaped values: one lazy expression.
template <value X, value... Rest> constexpr auto mean_of(const X& x, const Rest&... rest) {
  if constexpr (sizeof...(Rest) == 0)
    return x;
  else
    return (x + ... + rest) * (1.0 / double(1 + sizeof...(Rest)));
}

}  // namespace multifuse
