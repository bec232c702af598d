#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "../tape/apply.hpp"
#include "attention_bias.hpp"
#include "attention_kernels.hpp"
#include "axes.hpp"

namespace multifuse {

/// How attention weighs its keys.
struct attention_options {
  double scale = 0;            ///< of the scores; 0 means 1 / sqrt(head width)
  isize queries_at_once = 64;  ///< rows of each head's scores at the same time; a backend's own attention ignores it
};

namespace detail {

/// No bias, or no mask.
struct absent {};

/// True if a width is a multiple of the number of heads, as far as its type tells.
template <isize Heads, isize Width> inline constexpr bool divides = Width == dynamic || Width % Heads == 0;

}  // namespace detail

/// softmax(scale q k^T + bias) v over the keys that the mask keeps, for each head; heads are equal parts of the width.
/// Memory is linear in the numbers of queries and keys: scores exist for some queries at a time, and are computed again
/// in the backward pass from one number per row (Rabe and Staats 2021; Dao et al. 2022). A backend may have a kernel of
/// its own.
template <isize Heads, bool HasBias, bool HasMask> struct attention_op {
  static constexpr bool backward_reads_output = true;
  using numbers = multifuse::shape<samples<>>;
  /// Scores and normalizers, as what elements are computed with.
  template <class D> using computed = tensor<compute_device<D>, numbers>;
  attention_options options;

  template <class Q, class K, class V, class... Rest>
  constexpr auto shape(const Q& q, const K& k, const V& v, const Rest&... rest) const {
    static_assert(Q::rank >= 2 && K::rank == Q::rank && V::rank == Q::rank,
                  "multifuse: queries, keys and values are [batch..., tokens, width]");
    static_assert(extent_mismatch<attention_op, last_tag<Q>, Q::static_extents.back(), K::static_extents.back()>::value,
                  "multifuse: keys have another width than queries (read: operation, axis, expected, got)");
    static_assert(detail::equal_axes<detail::without_matrix<Q>, detail::without_matrix<K>> &&
                      detail::equal_axes<detail::without_matrix<Q>, detail::without_matrix<V>>,
                  "multifuse: queries, keys and values have the same axes before tokens and width");
    static_assert(detail::divides<Heads, Q::static_extents.back()> && detail::divides<Heads, V::static_extents.back()>,
                  "multifuse: the number of heads divides the width of queries and values");
    if (options.queries_at_once < 1)
      throw argument_error("attention", "no queries at once", "at least 1", std::to_string(options.queries_at_once));
    for (const isize wide : {q.last(), v.last()})
      if (wide % Heads != 0) refuse("the number of heads does not divide the width", Heads, wide);
    if (k.last() != q.last()) refuse("keys have another width than queries", q.last(), k.last());
    if (v[V::rank - 2] != k[K::rank - 2])
      refuse("there are not as many values as keys", k[K::rank - 2], v[V::rank - 2]);
    for (std::size_t i = 0; i + 2 < Q::rank; ++i)
      if (k[i] != q[i] || v[i] != q[i])
        refuse("keys or values disagree on the " + std::string(Q::names()[i]) + " axis", q[i],
               k[i] != q[i] ? k[i] : v[i]);
    check_rest(q, k, rest...);
    using R = resize_axis<Q, last_tag<Q>, V::static_extents.back()>;
    return with_extent<R, last_tag<Q>>(q, v.last());
  }
  template <class R, class Q, class K, class... Rest>
  constexpr double flops(const R& y, const Q& q, const K& k, const Rest&...) const {
    const double keys = double(k[K::rank - 2]);
    return 2.0 * keys * double(q.size() + y.size()) + 6.0 * keys * double(q.leading()) * double(Heads);
  }
  template <class R, class Q, class K, class... Rest>
  constexpr double backward_flops(const R& y, const Q& q, const K& k, const Rest&...) const {
    const double keys = double(k[K::rank - 2]);
    return 2.0 * keys * (3.0 * double(q.size()) + 2.0 * double(y.size())) +
           10.0 * keys * double(q.leading()) * double(Heads);
  }

  template <class D, class R, class Q, class K, class V, class... Rest>
  auto forward(const tensor<D, R>& y, const tensor<D, Q>& q, const tensor<D, K>& k, const tensor<D, V>& v,
               const Rest&... rest) const {
    const sizes n(q.dims(), k.dims(), v.dims(), options);
    computed<D> normalizers(numbers(n.items * Heads * n.queries));
    if constexpr (is_fused<D>) {
      const auto offsets = item_biases(n, q.dims(), rest...);
      D::attention_forward(arguments(n, offsets, q, k, v, rest...), y.data(), normalizers.data());
    } else {
      compute_in_tiles(n, y, normalizers, q, k, v, rest...);
    }
    if constexpr (HasBias || HasMask) refuse_empty_rows<D>(n, normalizers);
    return normalizers;
  }

  template <class D, class R, class Q, class K, class V>
  void backward(const tensor<D, R>& dy, const tensor<D, R>& y, const computed<D>& normalizers, const tensor<D, Q>& q,
                const tensor<D, K>& k, const tensor<D, V>& v, const gradient_sink<D, Q>& dq,
                const gradient_sink<D, K>& dk, const gradient_sink<D, V>& dv) const {
    differentiate(dy, y, normalizers, q, k, v, dq, dk, dv, detail::absent{});
  }
  template <class D, class R, class Q, class K, class V, class B>
  void backward(const tensor<D, R>& dy, const tensor<D, R>& y, const computed<D>& normalizers, const tensor<D, Q>& q,
                const tensor<D, K>& k, const tensor<D, V>& v, const tensor<D, B>& extra, const gradient_sink<D, Q>& dq,
                const gradient_sink<D, K>& dk, const gradient_sink<D, V>& dv, const gradient_sink<D, B>& dextra) const {
    if constexpr (HasBias)
      differentiate(dy, y, normalizers, q, k, v, dq, dk, dv, dextra, extra);
    else
      differentiate(dy, y, normalizers, q, k, v, dq, dk, dv, detail::absent{}, extra);
  }
  template <class D, class R, class Q, class K, class V, class B, class M>
  void backward(const tensor<D, R>& dy, const tensor<D, R>& y, const computed<D>& normalizers, const tensor<D, Q>& q,
                const tensor<D, K>& k, const tensor<D, V>& v, const tensor<D, B>& bias, const tensor<D, M>& mask,
                const gradient_sink<D, Q>& dq, const gradient_sink<D, K>& dk, const gradient_sink<D, V>& dv,
                const gradient_sink<D, B>& dbias, const gradient_sink<D, M>&) const {
    differentiate(dy, y, normalizers, q, k, v, dq, dk, dv, dbias, bias, mask);
  }

 private:
  struct sizes {
    isize items, queries, keys, width, value_width, head, value_head, tile;
    double scale;
    template <class Q, class K, class V>
    sizes(const Q& q, const K& k, const V& v, const attention_options& options)
        : items(q.product(0, Q::rank - 2)),
          queries(q[Q::rank - 2]),
          keys(k[K::rank - 2]),
          width(q.last()),
          value_width(v.last()),
          head(width / Heads),
          value_head(value_width / Heads),
          tile(options.queries_at_once < queries ? options.queries_at_once : queries),
          scale(options.scale != 0 ? options.scale : 1.0 / std::sqrt(double(head))) {}
    isize rows(isize first) const { return tile < queries - first ? tile : queries - first; }
  };

  static constexpr void refuse(const std::string& problem, isize expected, isize got) {
    throw shape_error("attention", problem, std::to_string(expected), std::to_string(got));
  }
  template <class Q, class K> static constexpr void check_rest(const Q&, const K&) {}
  template <class Q, class K, class X, class... M>
  static constexpr void check_rest(const Q& q, const K& k, const X& x, const M&... mask) {
    if constexpr (HasBias) {
      static_assert(detail::bias_fits<Q, X>,
                    "multifuse: a bias has the axes heads, queries, keys and leading axes of the queries only");
      check_bias<heads_axis, Heads>(Heads, x);
      check_bias<queries_axis, Q::static_extents[Q::rank - 2]>(q[Q::rank - 2], x);
      check_bias<keys_axis, K::static_extents[K::rank - 2]>(k[K::rank - 2], x);
      [&]<class... Lead>(multifuse::shape<Lead...>*) {
        (check_bias<typename Lead::tag, Lead::extent>(q.template extent<typename Lead::tag>(), x), ...);
      }(static_cast<detail::without_matrix<Q>*>(nullptr));
      (check_mask(k, mask), ...);
    } else {
      check_mask(k, x);
    }
  }
  template <class Tag, isize Expected, class B> static constexpr void check_bias(isize expected, const B& bias) {
    if constexpr (B::template has<Tag>) {
      constexpr isize got = B::template static_extent<Tag>();
      if constexpr (got != 1) {
        static_assert(extent_mismatch<attention_op, Tag, Expected, got>::value,
                      "multifuse: the bias has a wrong extent of this axis (read: operation, axis, expected, got)");
        if (bias.template extent<Tag>() != expected)
          refuse("the bias has a wrong extent of the " + std::string(Tag::name) + " axis", expected,
                 bias.template extent<Tag>());
      }
    }
  }
  template <class K, class M> static constexpr void check_mask(const K& k, const M& mask) {
    static_assert(detail::equal_axes<M, exchange_axis<K, last_tag<K>>>,
                  "multifuse: a key mask is [batch..., tokens of the keys]");
    for (std::size_t i = 0; i < M::rank; ++i)
      if (mask[i] != k[i])
        refuse("the key mask disagrees on the " + std::string(M::names()[i]) + " axis", k[i], mask[i]);
  }

  template <class T, class Q> static detail::bias_view<T> bias_of(const Q&, isize) { return {}; }
  template <class T, class Q, class D, class X, class... M>
  static detail::bias_view<T> bias_of(const Q& q, isize item, const tensor<D, X>& x, const M&...) {
    if constexpr (HasBias) {
      const detail::bias_strides<Q, X> strides(q, x.dims());
      return {x.data() + strides.offset(item), strides.head, strides.query, strides.key};
    } else {
      return {};
    }
  }
  template <class T> static const T* mask_of(const sizes&, isize) { return nullptr; }
  template <class T, class D, class X, class... M>
  static const T* mask_of(const sizes& n, isize item, const tensor<D, X>& x, const M&... mask) {
    if constexpr (HasBias)
      return mask_of_last<T>(n, item, mask...);
    else
      return x.data() + item * n.keys;
  }
  template <class T> static const T* mask_of_last(const sizes&, isize) { return nullptr; }
  template <class T, class D, class X> static const T* mask_of_last(const sizes& n, isize item, const tensor<D, X>& x) {
    return x.data() + item * n.keys;
  }

  template <class D>
  static constexpr bool is_fused = requires(const attention_arguments<typename D::scalar>& arguments,
                                            typename D::scalar* to, compute_type<typename D::scalar>* numbers) {
    D::attention_forward(arguments, to, numbers);
  };

  /// Where the bias of each item begins.
  template <class Q> static std::vector<isize> item_biases(const sizes&, const Q&) { return {}; }
  template <class Q, class D, class X, class... M>
  static std::vector<isize> item_biases(const sizes& n, const Q& q, const tensor<D, X>& x, const M&...) {
    std::vector<isize> offsets;
    if constexpr (HasBias) {
      const detail::bias_strides<Q, X> strides(q, x.dims());
      for (isize item = 0; item < n.items; ++item) offsets.push_back(strides.offset(item));
    }
    return offsets;
  }
  template <class D, class Q, class K, class V, class... Rest>
  static auto arguments(const sizes& n, const std::vector<isize>& item_biases, const tensor<D, Q>& q,
                        const tensor<D, K>& k, const tensor<D, V>& v, const Rest&... rest) {
    using T = typename D::scalar;
    return attention_arguments<T>{n.items,
                                  Heads,
                                  n.queries,
                                  n.keys,
                                  n.head,
                                  n.value_head,
                                  compute_type<T>(n.scale),
                                  q.data(),
                                  k.data(),
                                  v.data(),
                                  bias_of<T>(q.dims(), 0, rest...),
                                  item_biases.data(),
                                  mask_of<T>(n, 0, rest...)};
  }

  /// The forward pass of a backend without fused attention: scores of some queries exist at a time.
  template <class D, class R, class Q, class K, class V, class... Rest>
  static void compute_in_tiles(const sizes& n, const tensor<D, R>& y, const computed<D>& normalizers,
                               const tensor<D, Q>& q, const tensor<D, K>& k, const tensor<D, V>& v,
                               const Rest&... rest) {
    using T = typename D::scalar;
    computed<D> scores(numbers(Heads * n.tile * n.keys));  // of one tile
    const auto probabilities = as_factors<D>(scores);
    for (isize item = 0; item < n.items; ++item)
      for (isize first = 0; first < n.queries; first += n.tile) {
        const isize rows = n.rows(first);
        multiply_scores(n, item, first, q, k, scores.data());
        D::for_each(Heads, rows,
                    detail::attention_softmax_kernel<T>{
                        scores.data(), probabilities.data(), normalizers.data() + item * Heads * n.queries, rows, n.keys,
                        first, n.queries, bias_of<T>(q.dims(), item, rest...), mask_of<T>(n, item, rest...)});
        D::multiply(Heads, rows, n.value_head, n.keys, T(1), {probabilities.data(), n.keys, rows * n.keys},
                    {v.data() + item * n.keys * n.value_width, n.value_width, n.value_head}, T(0),
                    {y.data() + (item * n.queries + first) * n.value_width, n.value_width, n.value_head});
      }
  }

  template <class D, class Q, class K>
  static void multiply_scores(const sizes& n, isize item, isize first, const tensor<D, Q>& q, const tensor<D, K>& k,
                              compute_type<typename D::scalar>* scores) {
    using T = typename D::scalar;
    const isize rows = n.rows(first);
    D::multiply(Heads, rows, n.keys, n.head, compute_type<T>(n.scale),
                {q.data() + (item * n.queries + first) * n.width, n.width, n.head},
                {k.data() + item * n.keys * n.width, n.width, n.head, layout::transposed}, T(0),
                {scores, n.keys, rows * n.keys});
  }

  /// Room for the factors of a product that are computed as `numbers`: those themselves, unless elements are rounded.
  template <class D> static tensor<D, numbers> as_factors(const computed<D>& numbers_of_tile) {
    if constexpr (std::is_same_v<computed<D>, tensor<D, numbers>>)
      return numbers_of_tile;
    else
      return tensor<D, numbers>(numbers_of_tile.dims());
  }

  template <class D> static void refuse_empty_rows(const sizes& n, const computed<D>& normalizers) {
    if (!has_values<D>()) return;
    const auto values = normalizers.to_host();
    for (std::size_t i = 0; i < values.size(); ++i)
      if (values[i] == detail::hidden_score<compute_type<typename D::scalar>>) {
        const isize at = isize(i);
        throw argument_error("attention", "every key is masked", "at least one key for each query",
                             "none for item " + std::to_string(at / (Heads * n.queries)) + ", head " +
                                 std::to_string(at / n.queries % Heads) + ", query " + std::to_string(at % n.queries));
      }
  }

  template <class D, class R, class Q, class K, class V, class DB, class... Rest>
  void differentiate(const tensor<D, R>& dy, const tensor<D, R>& y, const computed<D>& normalizers,
                     const tensor<D, Q>& q, const tensor<D, K>& k, const tensor<D, V>& v, const gradient_sink<D, Q>& dq,
                     const gradient_sink<D, K>& dk, const gradient_sink<D, V>& dv, const DB& dbias,
                     const Rest&... rest) const {
    using T = typename D::scalar;
    const sizes n(q.dims(), k.dims(), v.dims(), options);
    // zeroed first: queries, keys and values may be one variable
    T *const to_q = dq ? dq.add_to() : nullptr, *const to_k = dk ? dk.add_to() : nullptr,
             *const to_v = dv ? dv.add_to() : nullptr;
    if constexpr (is_fused<D>) {
      T* to_bias = nullptr;
      if constexpr (!std::is_same_v<DB, detail::absent>)
        if (dbias) to_bias = dbias.add_to();
      const auto offsets = item_biases(n, q.dims(), rest...);
      D::attention_backward(arguments(n, offsets, q, k, v, rest...),
                            {y.data(), dy.data(), normalizers.data(), to_q, to_k, to_v, to_bias});
    } else {
      differentiate_in_tiles(n, dy, y, normalizers, q, k, v, to_q, to_k, to_v, dbias, rest...);
    }
  }

  /// The backward pass of a backend without fused attention.
  template <class D, class R, class Q, class K, class V, class DB, class... Rest>
  static void differentiate_in_tiles(const sizes& n, const tensor<D, R>& dy, const tensor<D, R>& y,
                                     const computed<D>& normalizers, const tensor<D, Q>& q, const tensor<D, K>& k,
                                     const tensor<D, V>& v, typename D::scalar* to_q,
                                     typename D::scalar* to_k, typename D::scalar* to_v, const DB& dbias,
                                     const Rest&... rest) {
    using T = typename D::scalar;
    computed<D> scores(numbers(Heads * n.tile * n.keys)), gradients(numbers(Heads * n.tile * n.keys));
    const auto probabilities = as_factors<D>(scores), score_gradients = as_factors<D>(gradients);
    for (isize item = 0; item < n.items; ++item)
      for (isize first = 0; first < n.queries; first += n.tile) {
        const isize rows = n.rows(first), keys = n.keys;
        const isize query_at = (item * n.queries + first) * n.width,
                    value_at = (item * n.queries + first) * n.value_width;
        const matrix<const T> p{probabilities.data(), keys, rows * keys}, ds{score_gradients.data(), keys, rows * keys};
        multiply_scores(n, item, first, q, k, scores.data());
        D::for_each(Heads, rows,
                    detail::attention_recompute_kernel<T>{
                        scores.data(), probabilities.data(), normalizers.data() + item * Heads * n.queries, rows, keys,
                        first, n.queries, bias_of<T>(q.dims(), item, rest...), mask_of<T>(n, item, rest...)});
        const matrix<const T> dout{dy.data() + value_at, n.value_width, n.value_head};
        if (to_v)
          D::multiply(Heads, keys, n.value_head, rows, T(1), {p.data, p.stride, p.distance, layout::transposed}, dout,
                      T(1), {to_v + item * keys * n.value_width, n.value_width, n.value_head});
        D::multiply(Heads, rows, keys, n.value_head, T(1), dout,
                    {v.data() + item * keys * n.value_width, n.value_width, n.value_head, layout::transposed}, T(0),
                    {gradients.data(), keys, rows * keys});
        D::for_each(Heads, rows,
                    detail::attention_score_gradient_kernel<T>{scores.data(), gradients.data(), score_gradients.data(),
                                                               y.data() + value_at, dy.data() + value_at, rows, keys,
                                                               n.value_width, n.value_head});
        if constexpr (!std::is_same_v<DB, detail::absent>) {
          if (dbias) add_bias_gradient(n, item, first, gradients, q.dims(), dbias);
        }
        if (to_q)
          D::multiply(Heads, rows, n.head, keys, compute_type<T>(n.scale), ds,
                      {k.data() + item * keys * n.width, n.width, n.head}, T(1), {to_q + query_at, n.width, n.head});
        if (to_k)
          D::multiply(Heads, keys, n.head, rows, compute_type<T>(n.scale),
                      {ds.data, ds.stride, ds.distance, layout::transposed}, {q.data() + query_at, n.width, n.head},
                      T(1), {to_k + item * keys * n.width, n.width, n.head});
      }
  }

  template <class D, class Q, class B>
  static void add_bias_gradient(const sizes& n, isize item, isize first, const computed<D>& score_gradients, const Q& q,
                                const gradient_sink<D, B>& dbias) {
    using T = typename D::scalar;
    const detail::bias_strides<Q, B> s(q, dbias.dims());
    const isize rows = n.rows(first);
    D::for_each((s.head ? Heads : 1) * (s.query ? rows : 1), s.key ? n.keys : 1,
                detail::attention_bias_gradient_kernel<T>{score_gradients.data(), dbias.add_to() + s.offset(item),
                                                          Heads, rows, n.keys, first, s.head, s.query, s.key});
  }
};

/// Scaled dot-product attention with Heads heads: q [batch..., tokens, width], k and v [batch..., tokens', width] ->
/// [batch..., tokens, width of v].
template <isize Heads, value Q, value K, value V>
constexpr auto attention(const Q& q, const K& k, const V& v, attention_options options = {}) {
  return apply(attention_op<Heads, false, false>{options}, q, k, v);
}

/// The same over the keys whose mask [batch..., tokens'] is not 0. Throws argument_error if a query has no key left.
template <isize Heads, value Q, value K, value V, value M>
constexpr auto masked_attention(const Q& q, const K& k, const V& v, const M& key_mask, attention_options options = {}) {
  return apply(attention_op<Heads, false, true>{options}, q, k, v, key_mask);
}

/// The same with a bias added to the scores, whose axes are some of [batch..., heads, queries, keys], in this order;
/// minus infinity hides a key. Differentiable in the bias. A key mask may follow.
template <isize Heads, value Q, value K, value V, value B, value... M>
constexpr auto biased_attention(const Q& q, const K& k, const V& v, const B& bias, attention_options options,
                                const M&... key_mask) {
  return apply(attention_op<Heads, true, (sizeof...(M) > 0)>{options}, q, k, v, bias, key_mask...);
}

}  // namespace multifuse
