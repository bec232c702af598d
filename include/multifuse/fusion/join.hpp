#pragma once
#include "../layers/masked_tokens.hpp"
#include "../ops/rearrange.hpp"
#include "../ops/slice.hpp"
#include "per_modality.hpp"

/// Pieces that fusion stages share: joining the tokens of streams and taking them apart again.
namespace multifuse {

/// True for a pooling, and for a readout with it, that reads no token but the first of each stream.
template <class Reader> inline constexpr bool reads_only_first_tokens = requires {
  requires Reader::reads_first_tokens;
};

/// The tokens of the listed streams, one after the other: [batch, sum of tokens, width], masked if one of them is.
template <class... M, class... S> constexpr auto join_tokens(streams<M...>, const bundle<S...>& b) {
  return concat_tokens(get<M>(b)...);
}

/// As many tokens as `like` has (a static or dynamic number, as in its type), from `first` on; masked if `like` is.
template <stream_content X, stream_content Like> constexpr auto tokens_like(const X& x, isize first, const Like& like) {
  constexpr isize count =
      detail::shape_of_t<std::remove_cvref_t<decltype(content_of(like))>>::template static_extent<tokens_axis>();
  const auto part = [&] {
    if constexpr (count == dynamic)
      return slice<tokens_axis>(content_of(x), first, extent<tokens_axis>(content_of(like)));
    else
      return slice_of<tokens_axis, count>(content_of(x), first);
  }();
  if constexpr (is_masked<Like>)
    return masked_tokens{part, like.kept};
  else
    return part;
}

/// The inverse of `join_tokens`: the streams of `b` with their new tokens out of `joined`.
template <class... M, class... S, stream_content X>
constexpr auto separate_tokens(streams<M...> list, const bundle<S...>& b, const X& joined) {
  isize first = 0;
  return transform_streams(list, [&]<class One>(One*) {
    const isize begin = first;
    first += extent<tokens_axis>(content_of(get<One>(b)));
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
