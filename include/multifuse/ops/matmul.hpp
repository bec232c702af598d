#pragma once
#include "../tape/apply.hpp"
#include "axes.hpp"

namespace multifuse {

namespace detail {

/// Tag of the axis before the last one.
template <class S> struct second_last;
template <class A, class B> struct second_last<shape<A, B>> { using type = typename A::tag; };
template <class A, class B, class C, class... Rest>
struct second_last<shape<A, B, C, Rest...>> : second_last<shape<B, C, Rest...>> {};
template <class S> using second_last_tag = typename second_last<S>::type;

/// The axis of a matrix (the last two axes) that is not the inner one.
template <class S, class Inner>
using outer_tag = std::conditional_t<std::is_same_v<last_tag<S>, Inner>, second_last_tag<S>, last_tag<S>>;

}  // namespace detail

/// The message of operands of `matmul` whose last two axes do not contain the axis to be summed over.
template <class S, class Inner>
concept inner_axis_in_matrix =
    S::rank >= 2 && (std::is_same_v<last_tag<S>, Inner> || std::is_same_v<detail::second_last_tag<S>, Inner>);

/// The operation behind `matmul`. The right operand has the leading axes of the left one, or none.
template <class Inner> struct matmul_op {
  template <class A, class B> static constexpr bool shared_right = B::rank == 2;

  template <class A, class B> constexpr auto shape(const A& a, const B& b) const {
    using rows_tag = detail::outer_tag<A, Inner>;
    using columns_tag = detail::outer_tag<B, Inner>;
    static_assert(B::rank == A::rank || B::rank == 2, "multifuse: the right matrix has the leading axes of the left one, or none");
    static_assert(extent_mismatch<matmul_op, Inner, A::template static_extent<Inner>(), B::template static_extent<Inner>()>::value,
                  "multifuse: matrices disagree on the inner axis (read: operation, axis, expected, got)");
    check(std::string(Inner::name), a.template extent<Inner>(), b.template extent<Inner>());
    if constexpr (!shared_right<A, B>)
      for (std::size_t i = 0; i + 2 < A::rank; ++i) check(std::string(A::names()[i]), a[i], b[i]);
    using lead = exchange_axis<exchange_axis<A, last_tag<A>>, detail::second_last_tag<A>>;
    using R = join_shapes<lead, multifuse::shape<axis<rows_tag, A::template static_extent<rows_tag>()>,
                                                 axis<columns_tag, B::template static_extent<columns_tag>()>>>;
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
    const sizes n(y.dims(), a.dims());
    D::multiply(n.batch, n.rows, n.columns, n.inner, T(1), view<A>(a, false, n.rows * n.inner),
                view<B>(b, true, shared_right<A, B> ? 0 : n.inner * n.columns), T(0),
                {y.data(), n.columns, n.rows * n.columns});
  }

  template <class D, class R, class A, class B>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<D, A>& a, const tensor<D, B>& b,
                const gradient_sink<D, A>& da, const gradient_sink<D, B>& db) const {
    using T = typename D::scalar;
    const sizes n(dy.dims(), a.dims());
    const isize step_a = n.rows * n.inner, step_b = shared_right<A, B> ? 0 : n.inner * n.columns, step_y = n.rows * n.columns;
    const matrix<const T> g{dy.data(), n.columns, step_y}, g_transposed{dy.data(), n.columns, step_y, layout::transposed};
    if (da) {
      const auto to = da.open();
      if constexpr (std::is_same_v<last_tag<A>, Inner>)  // da = dy b^T, or its transpose
        D::multiply(n.batch, n.rows, n.inner, n.columns, T(1), g, flipped(view<B>(b, true, step_b)), to.beta,
                    {to.data, n.inner, step_a});
      else
        D::multiply(n.batch, n.inner, n.rows, n.columns, T(1), view<B>(b, true, step_b), g_transposed, to.beta,
                    {to.data, n.rows, step_a});
    }
    if (db) {
      const auto to = db.open();
      const isize batch = shared_right<A, B> ? 1 : n.batch, times = shared_right<A, B> ? n.batch : 1;
      for (isize i = 0; i < times; ++i) {  // a shared matrix collects from every item
        const T beta = i > 0 ? T(1) : to.beta;
        auto left = view<A>(a, false, step_a);
        left.data += i * step_a;
        matrix<const T> dout = g;
        dout.data += i * step_y;
        if constexpr (std::is_same_v<last_tag<B>, Inner>)
          D::multiply(batch, n.columns, n.inner, n.rows, T(1), flipped(dout), left, beta, {to.data, n.inner, step_b});
        else
          D::multiply(batch, n.inner, n.columns, n.rows, T(1), flipped(left), dout, beta, {to.data, n.columns, step_b});
      }
    }
  }

 private:
  struct sizes {
    isize batch, rows, columns, inner;
    template <class R, class A>
    sizes(const R& y, const A& a)
        : batch(y.product(0, R::rank - 2)), rows(y[R::rank - 2]), columns(y[R::rank - 1]), inner(a.template extent<Inner>()) {}
  };
  /// An operand as [rows, inner] (left) or [inner, columns] (right), whatever its order in memory.
  template <class S, class D> static auto view(const tensor<D, S>& x, bool right, isize distance) {
    const bool inner_last = std::is_same_v<last_tag<S>, Inner>;
    return matrix<const typename D::scalar>{x.data(), x.dims().last(), distance,
                                            inner_last == right ? layout::transposed : layout::plain};
  }
  template <class T> static matrix<const T> flipped(matrix<const T> m) {
    m.order = m.order == layout::plain ? layout::transposed : layout::plain;
    return m;
  }
  static constexpr void check(const std::string& name, isize expected, isize got) {
    if (expected != got)
      throw shape_error("matmul", "matrices disagree on the " + name + " axis", std::to_string(expected), std::to_string(got));
  }
};

/// Matrix product summed over a named axis, which is one of the last two of both operands:
/// `matmul<width_axis>(queries, keys)` of [batch, tokens, width] and [batch, keys, width] is [batch, tokens, keys]. The
/// right operand may lack the leading axes. Throws shape_error where dynamic extents disagree.
template <class Inner, value A, value B>
  requires inner_axis_in_matrix<detail::shape_of_t<A>, Inner> && inner_axis_in_matrix<detail::shape_of_t<B>, Inner>
constexpr auto matmul(const A& a, const B& b) {
  return apply(matmul_op<Inner>{}, a, b);
}

}  // namespace multifuse
