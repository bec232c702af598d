#pragma once
#include "attention.hpp"

namespace multifuse {

namespace detail {
template <class Q, class K, isize Heads> struct probabilities_shape;
template <class... A, class K, isize Heads> struct probabilities_shape<shape<A...>, K, Heads> {
  using leading = exchange_axis<exchange_axis<shape<A...>, last_tag<shape<A...>>>, tokens_axis>;
  using type = join_shapes<leading, shape<heads<Heads>, queries<shape<A...>::template static_extent<tokens_axis>()>,
                                          keys<K::template static_extent<tokens_axis>()>>>;
};
}  // namespace detail

/// The weights that `attention` gives its keys, to look at: q [batch..., tokens, width], k [batch..., tokens', width] ->
/// [batch..., heads, queries, keys]. Inference only: the result is a tensor, on no tape.
template <isize Heads, value Q, value K>
auto attention_probabilities(const Q& query, const K& key, attention_options options = {}) {
  const auto query_value = evaluate(query);
  const auto key_value = evaluate(key);
  const auto& q = plain_tensor(query_value);
  const auto& k = plain_tensor(key_value);
  using D = device_of_t<Q>;
  using T = typename D::scalar;
  using QS = std::remove_cvref_t<decltype(q.dims())>;
  using KS = std::remove_cvref_t<decltype(k.dims())>;
  using R = typename detail::probabilities_shape<QS, KS, Heads>::type;
  attention_op<Heads, false, false>{options}.shape(q.dims(), k.dims(), k.dims());  // refuses what does not fit
  constexpr std::size_t lead = QS::rank - 2;
  const isize items = q.dims().product(0, lead), queries_of_item = q.dims()[lead], keys_of_item = k.dims()[lead],
              wide = q.dims().last(), each = wide / Heads;
  const double scale = options.scale != 0 ? options.scale : 1.0 / std::sqrt(double(each));
  std::array<isize, R::rank> extents{};
  for (std::size_t i = 0; i < lead; ++i) extents[i] = q.dims()[i];
  extents[lead] = Heads, extents[lead + 1] = queries_of_item, extents[lead + 2] = keys_of_item;
  const tensor<D, R> y(R::from(extents));
  const tensor<D, shape<samples<>>> normalizers(shape<samples<>>(Heads * queries_of_item));
  for (isize item = 0; item < items; ++item) {
    T* const scores = y.data() + item * Heads * queries_of_item * keys_of_item;
    D::multiply(Heads, queries_of_item, keys_of_item, each, T(scale), {q.data() + item * queries_of_item * wide, wide, each},
                {k.data() + item * keys_of_item * wide, wide, each, layout::transposed}, T(0),
                {scores, keys_of_item, queries_of_item * keys_of_item});
    D::for_each(Heads, queries_of_item,
                detail::attention_softmax_kernel<T>{scores, normalizers.data(), queries_of_item, keys_of_item, 0,
                                                    queries_of_item, {}, nullptr});
  }
  return y;
}

}  // namespace multifuse
