#pragma once
#include "attention.hpp"
#include "matmul.hpp"
#include "pointwise.hpp"
#include "rearrange.hpp"
#include "softmax.hpp"

namespace multifuse {

namespace detail {
template <isize Heads, class To, class... A, value X> constexpr auto heads_first(shape<A...>*, const X& x) {
  using wide = last_tag<shape_of_t<X>>;
  const auto taken_apart = split<wide, heads<Heads>, axis<wide>>(x);
  return permute<typename A::tag..., heads_axis, To, wide>(rename<second_last_tag<shape_of_t<X>>, To>(taken_apart));
}
/// [batch..., tokens, width] -> [batch..., heads, To, width / Heads].
template <isize Heads, class To, value X> constexpr auto heads_first(const X& x) {
  return heads_first<Heads, To>(static_cast<without_matrix<shape_of_t<X>>*>(nullptr), x);
}
}  // namespace detail

/// The weights that `attention` gives its keys, or `biased_attention` with a bias: q [batch..., tokens, width], k
/// [batch..., tokens', width] -> [batch..., heads, queries, keys]. Differentiable. All of them exist at the same time,
/// which attention itself avoids. Throws what attention throws; a query without a key has weights NaN.
template <isize Heads, value Q, value K, value... B>
constexpr auto attention_probabilities(const Q& query, const K& key, attention_options options = {}, const B&... bias) {
  const auto q = detail::dims_of(query);
  attention_op<Heads, (sizeof...(B) > 0), false>{options}.shape(q, detail::dims_of(key), detail::dims_of(key),
                                                                detail::dims_of(bias)...);  // refuses what does not fit
  const double scale =
      options.scale != 0 ? options.scale : 1.0 / init::detail::square_root(double(q.last()) / double(Heads));
  using wide = last_tag<std::remove_const_t<decltype(q)>>;
  const auto scores = matmul<wide>(detail::heads_first<Heads, queries_axis>(query),
                                   detail::heads_first<Heads, keys_axis>(key));
  return softmax(((scores * scale) + ... + bias));
}

}  // namespace multifuse
