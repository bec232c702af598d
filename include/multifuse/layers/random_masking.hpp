#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "../ops/concat.hpp"
#include "../ops/gather.hpp"
#include "embedding.hpp"

namespace multifuse {

/// Which tokens of each item are hidden from an encoder, as in masked autoencoders (He et al. 2022).
template <class D> struct random_masking {
  using numbers = rebind<D, std::int32_t>;
  tensor<numbers, shape<batch<>, tokens<>>> kept;    ///< [batch, kept]: the visible tokens, in the order of their noise
  tensor<numbers, shape<batch<>, tokens<>>> places;  ///< [batch, tokens]: of each token among the kept ones, or their
                                                     ///< number for a hidden token
  tensor<D, shape<batch<>, tokens<>>> hidden;        ///< [batch, tokens]: 1 for hidden tokens, 0 for visible ones
};

/// How many of so many tokens stay visible if `ratio` of them are hidden: tokens * (1 - ratio), rounded to the nearest
/// integer and halves to the even one.
inline isize visible_tokens(isize tokens, double ratio) {
  return isize(std::nearbyint(double(tokens) * (1 - ratio)));
}

/// Keeps the `visible` tokens of each item that have the least noise; equal ones in their order. Noise: [batch,
/// tokens]. Throws argument_error unless 1 <= visible <= tokens.
template <class D, class S>
requires(S::rank == 2 && S::template has<tokens_axis>) random_masking<D> mask_by_noise(const tensor<D, S>& noise,
                                                                                      isize visible) {
  const isize items = noise.dims()[0], count = noise.dims()[1];
  if (visible < 1 || visible > count)
    throw argument_error("mask_by_noise", "wrong number of visible tokens", "1 to " + std::to_string(count),
                         std::to_string(visible));
  const auto values = noise.to_host();
  std::vector<std::int32_t> kept, places(values.size(), std::int32_t(visible)), order(static_cast<std::size_t>(count));
  std::vector<typename D::scalar> hidden(values.size(), typename D::scalar(1));
  for (isize item = 0; item < items; ++item) {
    const auto of_item = std::size_t(item * count);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return values[of_item + std::size_t(a)] < values[of_item + std::size_t(b)];
    });
    for (isize i = 0; i < visible; ++i) {
      const std::int32_t id = order[std::size_t(i)];
      kept.push_back(id);
      places[of_item + std::size_t(id)] = std::int32_t(i);
      hidden[of_item + std::size_t(id)] = 0;
    }
  }
  const shape<batch<>, tokens<>> all(items, count), some(items, visible);
  return {{some, std::span<const std::int32_t>(kept)},
          {all, std::span<const std::int32_t>(places)},
          {all, std::span<const typename D::scalar>(hidden)}};
}

/// Uniform noise [items, tokens] for `mask_by_noise`.
template <class D> tensor<D, shape<batch<>, tokens<>>> masking_noise(isize items, isize count, random_key key) {
  std::vector<typename D::scalar> noise(static_cast<std::size_t>(items * count));
  for (isize i = 0; i < items * count; ++i) noise[std::size_t(i)] = typename D::scalar(uniform(key, i));
  return {shape<batch<>, tokens<>>(items, count), std::span<const typename D::scalar>(noise)};
}

/// The visible tokens: [batch, tokens, width] -> [batch, kept, width].
template <class D, value X> auto visible_part(const X& x, const random_masking<D>& masking) {
  return gather<tokens_axis>(x, masking.kept);
}

/// Puts one learned vector at the places of hidden tokens, so that a decoder sees all places: visible tokens
/// [batch, kept, Width] -> [batch, tokens, Width], in the order before masking.
template <class D, isize Width> struct mask_token {
  parameter<D, tokens<1>, width<Width>> vector{init::normal(0.02)};

  constexpr void members(auto&& visit) { visit("vector", vector); }
  template <value X> auto operator()(const X& x, const random_masking<D>& masking) const {
    return gather<tokens_axis>(concat<tokens_axis>(x, expand_batch(vector, x)), masking.places);
  }
};

}  // namespace multifuse
