#pragma once
#include "largest.hpp"

namespace multifuse {

namespace detail {

/// Distance of two tokens of an item: the sum of absolute differences.
template <class T> struct token_distance_kernel {
  const T* x;
  compute_type<T>* distances;  // [items, tokens, tokens]
  isize tokens_of_item, width;
  MULTIFUSE_HD void operator()(isize row, isize other) const {
    const T* const a = x + row * width;
    const T* const b = x + (row / tokens_of_item * tokens_of_item + other) * width;
    compute_type<T> total = 0;
    for (isize i = 0; i < width; ++i) total += a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
    distances[row * tokens_of_item + other] = total;
  }
};

/// The cluster of each token: that of the nearest medoid, the first of equally near ones.
template <class T> struct assign_to_medoids_kernel {
  const T* distances;
  const std::int32_t* medoids;  // [items, count]
  std::int32_t* clusters;       // [items, tokens]
  isize tokens_of_item, count;
  MULTIFUSE_HD void operator()(isize item, isize token) const {
    const T* const row = distances + (item * tokens_of_item + token) * tokens_of_item;
    const std::int32_t* const candidates = medoids + item * count;
    isize best = 0;
    for (isize k = 1; k < count; ++k)
      if (row[candidates[k]] < row[candidates[best]]) best = k;
    clusters[item * tokens_of_item + token] = std::int32_t(best);
  }
};

/// The new medoid of a cluster: its token with the smallest weighted sum of distances to its other tokens. A cluster
/// without tokens, which only equal medoids can leave, keeps its medoid.
template <class T> struct move_medoids_kernel {
  using C = compute_type<T>;
  const C* distances;
  const T* weights;
  const std::int32_t* clusters;
  std::int32_t* medoids;
  isize tokens_of_item, count;
  MULTIFUSE_HD void operator()(isize item, isize k) const {
    const std::int32_t* const cluster = clusters + item * tokens_of_item;
    const T* const weight = weights + item * tokens_of_item;
    isize best = -1;
    C least = 0;
    for (isize i = 0; i < tokens_of_item; ++i) {
      if (cluster[i] != std::int32_t(k)) continue;
      const C* const row = distances + (item * tokens_of_item + i) * tokens_of_item;
      C total = 0;
      for (isize j = 0; j < tokens_of_item; ++j) total += cluster[j] == std::int32_t(k) ? weight[j] * row[j] : C(0);
      if (best < 0 || total < least) best = i, least = total;
    }
    if (best >= 0) medoids[item * count + k] = std::int32_t(best);
  }
};

}  // namespace detail

/// Tokens that stand for the others, for `gather`: k-medoids of each item's tokens [batch, tokens, width] under the L1
/// distance, weighted by scores [batch, tokens]; 32-bit integers [batch, tokens Count]. Begins with the tokens of the
/// largest scores and repeats: every token joins its nearest medoid, and of each cluster the token becomes the medoid
/// whose weighted sum of distances to the others is smallest. Not differentiable. Needs tokens^2 numbers for each item.
/// Throws shape_error where the scores do not belong to the tokens or there are fewer tokens than Count, argument_error
/// for a negative number of iterations.
template <isize Count, value X, value W>
requires same_axes_in_order<exchange_axis<detail::shape_of_t<X>, last_tag<detail::shape_of_t<X>>>,
                            detail::shape_of_t<W>>
constexpr auto medoid_places(const X& tokens, const W& scores, isize iterations) {
  using S = detail::shape_of_t<X>;
  const S from = detail::dims_of(tokens);
  const auto of_scores = detail::dims_of(scores);
  for (std::size_t i = 0; i + 1 < S::rank; ++i)
    if (from[i] != of_scores[i])
      throw shape_error("medoid_places", "tokens and scores disagree on the " + std::string(S::names()[i]) + " axis",
                        std::to_string(from[i]), std::to_string(of_scores[i]));
  if (iterations < 0)
    throw argument_error("medoid_places", "unusable number of iterations", "0 or more", std::to_string(iterations));
  const auto first = largest_places<Count>(scores);
  const double pairs = double(from.leading()) * double(of_scores.last());
  const double flops = pairs * (3.0 * double(from.last()) + 2.0 * double(iterations));
  return detail::chosen(first.dims(), tokens, flops, [&](const auto& x, const auto& medoids) {
    using device = typename std::remove_cvref_t<decltype(x)>::device;
    using integers = rebind<device, std::int32_t>;
    using scalar = typename device::scalar;
    using flat = shape<samples<>>;
    integers::copy(medoids.data(), first.data(), first.size());
    if (iterations == 0) return;
    const auto evaluated = evaluate(scores);
    const auto& weights = plain_tensor(evaluated);
    const isize each = of_scores.last(), items = of_scores.leading();
    const tensor<compute_device<device>, flat> distances(flat(items * each * each));
    const tensor<integers, flat> clusters(flat(items * each));
    device::for_each(items * each, each,
                detail::token_distance_kernel<scalar>{x.data(), distances.data(), each, x.dims().last()});
    for (isize i = 0; i < iterations; ++i) {
      device::for_each(items, each,
                       detail::assign_to_medoids_kernel<compute_type<scalar>>{distances.data(), medoids.data(),
                                                                              clusters.data(), each, Count});
      device::for_each(items, Count,
                       detail::move_medoids_kernel<scalar>{distances.data(), weights.data(), clusters.data(),
                                                           medoids.data(), each, Count});
    }
  });
}

}  // namespace multifuse
