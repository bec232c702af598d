#pragma once
#include "masked_tokens.hpp"

namespace multifuse {

/// Tokens of which every item has at least one, and which items had any to begin with.
template <class X, class Mask, class Present> struct completed_tokens {
  masked_tokens<X, Mask> tokens;
  Present present;  ///< [batch], 1 or 0; a tensor
};
template <class X, class Mask, class Present>
completed_tokens(masked_tokens<X, Mask>, Present) -> completed_tokens<X, Mask, Present>;

namespace detail {
/// One item: whether its mask keeps anything, the mask that keeps place 0 if not, and where a token is to be put.
template <class T> struct complete_mask_kernel {
  const T* kept;
  isize count;
  T *present, *completed, *put;
  MULTIFUSE_HD void operator()(isize item, isize) const {
    bool any = false;
    for (isize i = item * count; i < (item + 1) * count; ++i) any = any || kept[i] != T(0);
    present[item] = T(any);
    for (isize i = 0; i < count; ++i) {
      const bool here = !any && i == 0;
      put[item * count + i] = T(here);
      completed[item * count + i] = here ? T(1) : kept[item * count + i];
    }
  }
};
/// The second operand where the third is not 0, else the first.
struct put_where {
  static constexpr double flops = 1;
  template <class T> MULTIFUSE_HD static T value(T x, T other, T put) { return put != T(0) ? other : x; }
  template <class T> MULTIFUSE_HD static slopes_of<T, 3> slopes(T, T, T put) {
    return {{T(put == T(0)), T(put != T(0)), T(0)}};
  }
};
}  // namespace detail

/// A learned token for items that lack a modality: where the mask of a stream hides all tokens of an item, the learned
/// one stands in place 0 and is kept, so that attention and means have something to look at. One may serve several
/// streams.
template <class D, isize Width> struct missing_token {
  parameter<D, width<Width>> vector{init::truncated_normal(0.02)};

  constexpr void members(auto&& visit) { visit("vector", vector); }

  /// [batch, tokens, Width] with a mask -> the same, and which items had tokens.
  template <class X, class M> auto operator()(const masked_tokens<X, M>& x) const {
    using S = detail::shape_of_t<M>;
    static_assert(same_axes_in_order<S, shape<batch<>, tokens<>>>, "multifuse: a mask of tokens is [batch, tokens]");
    using P = shape<batch<S::template static_extent<batch_axis>()>>;
    const isize items = extent<batch_axis>(x.kept), count = extent<tokens_axis>(x.kept);
    const tensor<D, P> present(P::from({items}));
    const tensor<D, S> completed(x.kept.dims()), put(x.kept.dims());
    D::for_each(items, 1,
                detail::complete_mask_kernel<typename D::scalar>{x.kept.data(), count, present.data(), completed.data(),
                                                                 put.data()});
    const auto y = evaluate(map<detail::put_where>(x.content, vector, put));
    return completed_tokens{masked_tokens{y, completed}, present};
  }
};

}  // namespace multifuse
