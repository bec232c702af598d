#pragma once
#include <algorithm>
#include <numeric>
#include <vector>

#include "../layers/embedding.hpp"
#include "../ops/gather.hpp"

namespace multifuse {

/// What every modality policy says besides its own sizes.
struct token_options {
  double mean = 0, deviation = 1;  ///< raw samples are normalized to (x - mean) / deviation
  bool class_token = true;         ///< one learned token in front
  bool positions = true;           ///< a learned vector for each place
  double dropped = 0;              ///< share of tokens left out in training, never the class token
};

/// The message of a stream that is not what its modality takes.
template <class Modality, class Expected, class Got> struct raw_samples_fit {
  static constexpr bool value = false;
};
template <class Modality, class... A, class... B>
  requires(sizeof...(A) == sizeof...(B))
struct raw_samples_fit<Modality, shape<A...>, shape<B...>> {
  static constexpr bool value =
      ((std::is_same_v<typename A::tag, typename B::tag> &&
        (A::extent == B::extent || A::extent == dynamic || B::extent == dynamic)) && ...);
};

/// Leaves out random tokens in training (PatchDropout, Liu et al. 2023; patchout, Koutini et al. 2022): each item keeps
/// `kept` of its tokens from place `first` on, in their order, and all before. Elsewhere it hands x on. The choice
/// follows from the tape's key, the stream and its uses so far. Throws argument_error unless 1 <= kept <= tokens -
/// first.
template <value X> auto drop_tokens(const X& expression, isize kept, isize first, random_stream stream) {
  const auto x = evaluate(expression);
  using S = detail::shape_of_t<std::remove_const_t<decltype(x)>>;
  using R = resize_axis<S, tokens_axis, dynamic>;
  const isize count = extent<tokens_axis>(x), items = extent<batch_axis>(x);
  if (kept < 1 || kept > count - first)
    throw argument_error("drop_tokens", "wrong number of tokens to keep", "1 to " + std::to_string(count - first),
                         std::to_string(kept));
  if constexpr (is_variable<std::remove_const_t<decltype(x)>>) {
    if (x.recorder().training() && kept < count - first) {
      using I = rebind<device_of_t<X>, std::int32_t>;
      const random_key key =
          x.recorder().random().split(stream.id).split(std::uint64_t(x.recorder().count_use(stream.id)));
      std::vector<std::int32_t> ids, order(std::size_t(count - first));
      for (isize item = 0; item < items; ++item) {
        const random_key draws = key.split(std::uint64_t(item));
        std::iota(order.begin(), order.end(), std::int32_t(first));
        for (isize i = 0; i < kept; ++i)  // the first `kept` places of a shuffle
          std::swap(order[std::size_t(i)], order[std::size_t(i + uniform_integer(draws, i, count - first - i))]);
        std::sort(order.begin(), order.begin() + kept);
        for (isize i = 0; i < first; ++i) ids.push_back(std::int32_t(i));
        ids.insert(ids.end(), order.begin(), order.begin() + kept);
      }
      const tensor<I, shape<batch<>, tokens<>>> chosen(shape<batch<>, tokens<>>(items, first + kept),
                                                       std::span<const std::int32_t>(ids));
      return gather<tokens_axis>(detail::seen_as(R::from(x.dims().extents()), x), chosen);
    }
  }
  static_cast<void>(stream);
  return detail::seen_as(R::from(x.dims().extents()), x);
}

/// What follows the embedding of any modality: class token, positions, dropping. Count is the number of embedded
/// tokens.
template <class D, isize Width, isize Count, token_options O> struct token_finish {
  static constexpr isize tokens_out = Count + O.class_token;
  class_token<D, Width> front;
  learned_positions<D, tokens_out, Width> positions;
  random_stream dropping;

  constexpr void members(auto&& visit) {
    if constexpr (O.class_token) visit("class_token", front);
    if constexpr (O.positions) visit("positions", positions);
    if constexpr (O.dropped > 0) visit("dropping", dropping);
  }
  template <value X> constexpr auto operator()(const X& x) const {
    if constexpr (O.dropped > 0)
      return drop_tokens(placed(fronted(x)), Count - isize(O.dropped * double(Count)), O.class_token, dropping);
    else
      return placed(fronted(x));
  }

 private:
  constexpr auto fronted(const auto& x) const {
    if constexpr (O.class_token)
      return front(x);
    else
      return evaluate(x);
  }
  constexpr auto placed(const auto& x) const {
    if constexpr (O.positions)
      return positions(x);
    else
      return evaluate(x);
  }
};

/// (x - mean) / deviation, lazily.
template <token_options O, value X> constexpr auto normalized_samples(const X& x) {
  if constexpr (O.mean == 0 && O.deviation == 1)
    return x;
  else
    return (x - O.mean) * (1.0 / O.deviation);
}

}  // namespace multifuse
