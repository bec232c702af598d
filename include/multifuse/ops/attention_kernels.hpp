#pragma once
#include <cmath>

#include "../core/math.hpp"
#include "../tensor/attention_arguments.hpp"
#include "../tensor/row_reductions.hpp"

/// The row kernels of attention. Scores lie as [heads, rows of the tile, keys].
namespace multifuse::detail {

/// Adds bias and mask to the scores of one row.
template <class C, class T>
MULTIFUSE_HD inline void bias_and_mask(C* scores, isize keys, isize head, isize query, const bias_view<T>& bias,
                                       const T* mask) {
  if (bias.first) {
    const T* b = bias.first + head * bias.head + query * bias.query;
    for (isize j = 0; j < keys; ++j) scores[j] += b[j * bias.key];
  }
  if (mask)
    for (isize j = 0; j < keys; ++j) scores[j] = mask[j] != T(0) ? scores[j] : hidden_score<C>;
}

/// Where a row of numbers goes that are factors of a product next: where it is, unless elements are stored rounded.
template <class T, class C> MULTIFUSE_HD inline T* row_of_factors(C* row, [[maybe_unused]] T* rounded_row) {
  if constexpr (std::is_same_v<T, C>)
    return row;
  else
    return rounded_row;
}

/// Scores become probabilities; keeps the logarithm of their normalizer (minus infinity if no key is left).
template <class T> struct attention_softmax_kernel {
  static constexpr bool works_on_a_row = true;
  using C = compute_type<T>;
  C* scores;
  T* probabilities;   // as factors of a product
  C* log_normalizer;  // [heads, all queries]
  isize rows, keys, first_query, queries;
  bias_view<T> bias;
  const T* mask;

  MULTIFUSE_HD void operator()(isize head, isize row) const {
    C* s = scores + (head * rows + row) * keys;
    T* p = row_of_factors(s, probabilities + (head * rows + row) * keys);
    bias_and_mask(s, keys, head, first_query + row, bias, mask);
    const C most = largest_of_row(s, keys);
    if (most == hidden_score<C>) {
      log_normalizer[head * queries + first_query + row] = most;
      return;
    }
    for (isize j = 0; j < keys; ++j) s[j] = math::exp(s[j] - most);
    const C total = sum_of_terms<C>(keys, [s](isize j) { return s[j]; });
    const C inverse = C(1) / total;
    for (isize j = 0; j < keys; ++j) p[j] = s[j] * inverse;
    log_normalizer[head * queries + first_query + row] = most + std::log(total);
  }
};

/// The probabilities again, from scores and normalizers.
template <class T> struct attention_recompute_kernel {
  static constexpr bool works_on_a_row = true;
  using C = compute_type<T>;
  C* scores;
  T* probabilities;  // as factors of a product
  const C* log_normalizer;
  isize rows, keys, first_query, queries;
  bias_view<T> bias;
  const T* mask;

  MULTIFUSE_HD void operator()(isize head, isize row) const {
    C* s = scores + (head * rows + row) * keys;
    T* p = row_of_factors(s, probabilities + (head * rows + row) * keys);
    bias_and_mask(s, keys, head, first_query + row, bias, mask);
    const C shift = log_normalizer[head * queries + first_query + row];
    for (isize j = 0; j < keys; ++j) s[j] = math::exp(s[j] - shift);
    if constexpr (!std::is_same_v<T, C>)
      for (isize j = 0; j < keys; ++j) p[j] = s[j];
  }
};

/// Gradient of the scores from that of the probabilities, in place: p (dp - sum(p dp)).
template <class T> struct attention_score_gradient_kernel {
  static constexpr bool works_on_a_row = true;
  using C = compute_type<T>;
  const C* probabilities;
  C* gradient;
  T* factors;       // the same as factors of a product
  const T *y, *dy;  // this tile's rows of the result and its gradient
  isize rows, keys, value_width, head_width;

  MULTIFUSE_HD void operator()(isize head, isize row) const {
    const C* p = probabilities + (head * rows + row) * keys;
    C* g = gradient + (head * rows + row) * keys;
    T* f = row_of_factors(g, factors + (head * rows + row) * keys);
    const T *out = y + row * value_width + head * head_width, *dout = dy + row * value_width + head * head_width;
    const C expected = sum_of_terms<C>(head_width, [out, dout](isize i) { return out[i] * dout[i]; });
    for (isize j = 0; j < keys; ++j) g[j] = p[j] * (g[j] - expected);
    if constexpr (!std::is_same_v<T, C>)
      for (isize j = 0; j < keys; ++j) f[j] = g[j];
  }
};

/// Adds a tile's score gradients to the bias gradient: one call for each of its elements.
template <class T> struct attention_bias_gradient_kernel {
  const compute_type<T>* score_gradient;  // [heads, rows, keys]
  T* gradient;                            // of the bias, for one item
  isize heads, rows, keys, first_query;
  isize head_stride, query_stride, key_stride;

  MULTIFUSE_HD void operator()(isize head_and_row, isize key) const {
    const isize own_rows = query_stride ? rows : 1;
    const isize head = head_and_row / own_rows, row = head_and_row % own_rows;
    compute_type<T> total = 0;
    for (isize h = head_stride ? head : 0; h < (head_stride ? head + 1 : heads); ++h)
      for (isize r = query_stride ? row : 0; r < (query_stride ? row + 1 : rows); ++r)
        for (isize j = key_stride ? key : 0; j < (key_stride ? key + 1 : keys); ++j)
          total += score_gradient[(h * rows + r) * keys + j];
    T& to = gradient[head * head_stride + (first_query + row) * query_stride + key * key_stride];
    to = to + total;
  }
};

}  // namespace multifuse::detail
