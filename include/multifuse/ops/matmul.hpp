#pragma once
#include <string>

#include "../tape/apply.hpp"
#include "axes.hpp"

namespace multifuse {

namespace detail {

template <class S> using without_last = exchange_axis<S, last_tag<S>>;

template <class A, class B, class Inner> constexpr bool factors_fit() {
  if constexpr (A::rank < 2 || B::rank < 2)
    return false;
  else
    return std::is_same_v<last_tag<A>, Inner> && B::template has<Inner> && B::template position<Inner>() + 2 >= B::rank &&
           (B::rank == 2 || equal_axes<without_last<without_last<A>>, without_last<without_last<B>>>);
}

}  // namespace detail

/// The message of factors without a product: the first is [batch..., M, Inner], the second [batch..., Inner, N] or
/// [batch..., N, Inner], with the same batch axes or none.
template <class A, class B, class Inner>
concept factors_of_a_product = detail::factors_fit<A, B, Inner>();

/// The operation behind `matmul`.
template <class Inner> struct matmul_op {
  template <class A, class B> constexpr auto shape(const A& a, const B& b) const {
    using N = typename detail::last_axis_of<exchange_axis<B, Inner>>::type;
    using R = exchange_axis<A, Inner, N>;
    static_assert(axes_with_different_names<R>, "multifuse: two axes of the product would have the same name; rename one");
    check<Inner>(a, b);
    if constexpr (B::rank > 2)
      [&]<class... Lead>(multifuse::shape<Lead...>*) {
        (check<typename Lead::tag>(a, b), ...);
      }(static_cast<detail::without_last<detail::without_last<A>>*>(nullptr));
    auto extents = a.extents();
    extents.back() = b.template extent<typename N::tag>();
    return R::from(extents);
  }
  template <class R, class A, class B> constexpr double flops(const R& y, const A& a, const B&) const {
    return 2.0 * double(y.size()) * double(a.last());
  }

  template <class D, class R, class A, class B>
  void forward(const tensor<D, R>& y, const tensor<D, A>& a, const tensor<D, B>& b) const {
    using T = typename D::scalar;
    const sizes<B> n(a.dims(), b.dims());
    D::multiply(n.batch, n.m, n.n, n.k, T(1), {a.data(), n.k, n.m * n.k}, n.second(b.data(), false), T(0),
                {y.data(), n.n, n.m * n.n});
  }
  template <class D, class R, class A, class B>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<D, A>& a, const tensor<D, B>& b,
                const gradient_sink<D, A>& da, const gradient_sink<D, B>& db) const {
    using T = typename D::scalar;
    const sizes<B> n(a.dims(), b.dims());
    const matrix<const T> d{dy.data(), n.n, n.m * n.n}, first{a.data(), n.k, n.m * n.k};
    const auto transposed = [](matrix<const T> x) { return matrix<const T>{x.data, x.stride, x.distance, layout::transposed}; };
    if (da) {
      const auto to = da.open();
      D::multiply(n.batch, n.m, n.k, n.n, T(1), d, n.second(b.data(), true), to.beta, {to.data, n.k, n.m * n.k});
    }
    if (db) {
      const auto to = db.open();
      if constexpr (sizes<B>::inner_last)
        D::multiply(n.batch, n.n, n.k, n.m, T(1), transposed(d), first, to.beta, {to.data, n.k, n.n * n.k});
      else
        D::multiply(n.batch, n.k, n.n, n.m, T(1), transposed(first), d, to.beta, {to.data, n.n, n.n * n.k});
    }
  }

 private:
  template <class Tag, class A, class B> static constexpr void check(const A& a, const B& b) {
    static_assert(
        extent_mismatch<matmul_op, Tag, A::template static_extent<Tag>(), B::template static_extent<Tag>()>::value,
        "multifuse: the factors disagree on this axis (read: operation, axis, expected, got)");
    if (a.template extent<Tag>() != b.template extent<Tag>())
      throw shape_error("matmul", "the factors disagree on the " + std::string(Tag::name) + " axis",
                        std::to_string(a.template extent<Tag>()), std::to_string(b.template extent<Tag>()));
  }

  /// One second factor for the whole batch makes the batch's rows one matrix.
  template <class B> struct sizes {
    static constexpr bool inner_last = B::template position<Inner>() + 1 == B::rank;
    isize batch, m, n, k;
    template <class A> sizes(const A& a, const B& b) {
      k = a.last();
      batch = B::rank == 2 ? 1 : a.product(0, A::rank - 2);
      m = a.leading() / batch;
      n = b.size() / batch / k;
    }
    template <class T> matrix<const T> second(const T* elements, bool transpose) const {
      return {elements, inner_last ? k : n, n * k, transpose != inner_last ? layout::transposed : layout::plain};
    }
  };
};

/// The matrix product over a named axis, for each item of a batch: a [batch..., M, Inner] times b [batch..., Inner, N] or
/// [batch..., N, Inner] is [batch..., M, N]. Without batch axes b is the same for all items. Throws shape_error where
/// extents disagree. Example: `matmul<width_axis>(queries, keys)` of [batch, queries, width] and [batch, keys, width].
template <class Inner, value A, value B>
  requires factors_of_a_product<detail::shape_of_t<A>, detail::shape_of_t<B>, Inner>
constexpr auto matmul(const A& a, const B& b) {
  return apply(matmul_op<Inner>{}, a, b);
}

}  // namespace multifuse
