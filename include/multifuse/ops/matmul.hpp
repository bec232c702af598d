#pragma once
#include <string>

#include "../tape/apply.hpp"
#include "axes.hpp"

namespace multifuse {

namespace detail {

/// The axis of a matrix (the last two axes) that is not the inner one.
template <class S, class Inner>
using outer_tag = std::conditional_t<std::is_same_v<last_tag<S>, Inner>, second_last_tag<S>, last_tag<S>>;

}  // namespace detail

/// The message of operands of `matmul` whose last two axes do not contain the axis to be summed over.
template <class S, class Inner>
concept inner_axis_in_matrix = S::rank >= 2 && (std::is_same_v<last_tag<S>, Inner> ||
                                                std::is_same_v<detail::second_last_tag<S>, Inner>);

/// The message of a right operand of `matmul` with other leading axes than the left one.
template <class A, class B>
concept same_leading_axes_or_none =
    B::rank == 2 || detail::equal_axes<detail::without_matrix<A>, detail::without_matrix<B>>;

/// The operation behind `matmul`. The right operand has the leading axes of the left one, or none.
template <class Inner> struct matmul_op {
  template <class A, class B> constexpr auto shape(const A& a, const B& b) const {
    using rows_tag = detail::outer_tag<A, Inner>;
    using columns_tag = detail::outer_tag<B, Inner>;
    using lead = detail::without_matrix<A>;
    using R = join_shapes<lead, multifuse::shape<axis<rows_tag, A::template static_extent<rows_tag>()>,
                                                 axis<columns_tag, B::template static_extent<columns_tag>()>>>;
    static_assert(axes_with_different_names<R>, "multifuse: two axes of the product would have one name; rename one");
    check<Inner>(a, b);
    if constexpr (B::rank > 2)
      [&]<class... Lead>(multifuse::shape<Lead...>*) {
        (check<typename Lead::tag>(a, b), ...);
      }(static_cast<lead*>(nullptr));
    std::array<isize, R::rank> extents{};
    for (std::size_t i = 0; i + 2 < A::rank; ++i) extents[i] = a[i];
    extents[R::rank - 2] = a.template extent<rows_tag>();
    extents[R::rank - 1] = b.template extent<columns_tag>();
    return R::from(extents);
  }
  template <class R, class A, class B> constexpr double flops(const R& y, const A& a, const B&) const {
    return 2.0 * double(y.size()) * double(a.template extent<Inner>());
  }

  template <class D, class R, class A, class B>
  void forward(const tensor<D, R>& y, const tensor<D, A>& a, const tensor<D, B>& b) const {
    using T = typename D::scalar;
    const sizes<A, B> n(a.dims(), b.dims());
    D::multiply(n.batch, n.rows, n.columns, n.inner, T(1), view(a, false, n.step_a()), view(b, true, n.step_b()), T(0),
                {y.data(), n.columns, n.step_y()});
  }

  template <class D, class R, class A, class B>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<D, A>& a, const tensor<D, B>& b,
                const gradient_sink<D, A>& da, const gradient_sink<D, B>& db) const {
    using T = typename D::scalar;
    const sizes<A, B> n(a.dims(), b.dims());
    const auto left = view(a, false, n.step_a()), right = view(b, true, n.step_b());
    const matrix<const T> g{dy.data(), n.columns, n.step_y()};
    if (da) {
      const auto to = da.open();
      if constexpr (std::is_same_v<last_tag<A>, Inner>)  // dy b^T, or its transpose
        D::multiply(n.batch, n.rows, n.inner, n.columns, T(1), g, flipped(right), to.beta,
                    {to.data, n.inner, n.step_a()});
      else
        D::multiply(n.batch, n.inner, n.rows, n.columns, T(1), right, flipped(g), to.beta,
                    {to.data, n.rows, n.step_a()});
    }
    if (db) {
      const auto to = db.open();
      const isize times = n.shared ? n.batch : 1;  // a shared matrix collects from one item after the other
      for (isize i = 0; i < times; ++i) {
        const T beta = i > 0 ? T(1) : to.beta;
        auto first = left;
        auto second = g;
        first.data += i * n.step_a();
        second.data += i * n.step_y();
        if constexpr (std::is_same_v<last_tag<B>, Inner>)  // (a^T dy)^T, or without the transpose
          D::multiply(n.batch / times, n.columns, n.inner, n.rows, T(1), flipped(second), first, beta,
                      {to.data, n.inner, n.step_b()});
        else
          D::multiply(n.batch / times, n.inner, n.columns, n.rows, T(1), flipped(first), second, beta,
                      {to.data, n.columns, n.step_b()});
      }
    }
  }

 private:
  template <class A, class B> struct sizes {
    static constexpr bool shared = B::rank == 2;
    isize batch, rows, columns, inner;
    sizes(const A& a, const B& b)
        : batch(a.product(0, A::rank - 2)),
          rows(a.template extent<detail::outer_tag<A, Inner>>()),
          columns(b.template extent<detail::outer_tag<B, Inner>>()),
          inner(a.template extent<Inner>()) {
      if (!shared || !std::is_same_v<last_tag<A>, Inner>) return;
      rows *= batch;  // times one matrix, the rows of all items are the rows of one
      batch = 1;
    }
    isize step_a() const { return rows * inner; }
    isize step_b() const { return shared ? 0 : inner * columns; }
    isize step_y() const { return rows * columns; }
  };

  /// An operand as [rows, inner] (left) or [inner, columns] (right), whatever its order in memory.
  template <class D, class S> static auto view(const tensor<D, S>& x, bool right, isize distance) {
    const bool inner_last = std::is_same_v<last_tag<S>, Inner>;
    return matrix<const typename D::scalar>{x.data(), x.dims().last(), distance,
                                            inner_last == right ? layout::transposed : layout::plain};
  }
  template <class T> static matrix<const T> flipped(matrix<const T> m) {
    m.order = m.order == layout::plain ? layout::transposed : layout::plain;
    return m;
  }
  template <class Tag, class A, class B> static constexpr void check(const A& a, const B& b) {
    static_assert(
        extent_mismatch<matmul_op, Tag, A::template static_extent<Tag>(), B::template static_extent<Tag>()>::value,
        "multifuse: the matrices disagree on this axis (read: operation, axis, expected, got)");
    if (a.template extent<Tag>() != b.template extent<Tag>())
      throw shape_error("matmul", "the matrices disagree on the " + std::string(Tag::name) + " axis",
                        std::to_string(a.template extent<Tag>()), std::to_string(b.template extent<Tag>()));
  }
};

/// Matrix product summed over a named axis, which is one of the last two of both operands:
/// `matmul<width_axis>(queries, keys)` of [batch, tokens, width] and [batch, keys, width] is [batch, tokens, keys]. The
/// right operand may lack the leading axes: then it is the same for all items. Throws shape_error where dynamic extents
/// disagree.
template <class Inner, value A, value B>
requires inner_axis_in_matrix<detail::shape_of_t<A>, Inner> && inner_axis_in_matrix<detail::shape_of_t<B>, Inner> &&
    same_leading_axes_or_none<detail::shape_of_t<A>, detail::shape_of_t<B>>
constexpr auto matmul(const A& a, const B& b) { return apply(matmul_op<Inner>{}, a, b); }

}  // namespace multifuse
