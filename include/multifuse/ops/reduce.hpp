#pragma once
#include "pointwise.hpp"
#include "rearrange.hpp"

namespace multifuse {

/// The operation behind `sum`: over one named axis, which disappears.
template <class Tag> struct sum_op {
  static constexpr bool backward_ignores_inputs = true;

  template <class S> constexpr auto shape(const S& x) const {
    using R = exchange_axis<S, Tag>;
    constexpr std::size_t place = S::template position<Tag>();
    std::array<isize, R::rank> extents{};
    for (std::size_t i = 0; i != place; ++i) extents[i] = x[i];
    for (std::size_t i = place; i != R::rank; ++i) extents[i] = x[i + 1];
    return R::from(extents);
  }
  template <class R, class S> constexpr double flops(const R&, const S& x) const { return double(x.size()); }

  template <class D, class R, class S> void forward(const tensor<D, R>& y, const tensor<D, S>& x) const {
    const auto n = detail::around<Tag>(x.dims());
    D::sum(n.outer, n.extent, n.inner, x.data(), typename D::scalar(0), y.data());
  }
  template <class D, class R, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<D, S>& x,
                const gradient_sink<D, S>& dx) const {
    if (!dx) return;
    const auto n = detail::around<Tag>(x.dims());
    const auto to = dx.open();
    D::for_each(
        n.outer * n.extent, n.inner,
        spread_kernel<typename D::scalar>{dy.data(), to.data, n.extent, n.inner, to.beta != typename D::scalar(0)});
  }

  template <class T> struct spread_kernel {
    const T* from;
    T* to;
    isize extent, inner;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize row, isize i) const {
      const T d = from[row / extent * inner + i];
      T& target = to[row * inner + i];
      target = accumulate ? target + d : d;
    }
  };
};

/// The operation behind `max` and `min`: the extreme element along one named axis; Sign is 1 or -1.
template <class Tag, int Sign> struct extreme_op {
  static constexpr bool backward_ignores_inputs = true;

  template <class S> constexpr auto shape(const S& x) const { return sum_op<Tag>{}.shape(x); }
  template <class R, class S> constexpr double flops(const R&, const S& x) const { return double(x.size()); }

  /// Returns where along the axis each result stood.
  template <class D, class R, class S> auto forward(const tensor<D, R>& y, const tensor<D, S>& x) const {
    const auto n = detail::around<Tag>(x.dims());
    tensor<rebind<D, std::int32_t>, R> places(y.dims());
    D::for_each(n.outer, n.inner,
                find_kernel<typename D::scalar>{x.data(), y.data(), places.data(), n.extent, n.inner});
    return places;
  }
  template <class D, class R, class P, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const P& places, const tensor<D, S>& x,
                const gradient_sink<D, S>& dx) const {
    if (!dx) return;
    const auto n = detail::around<Tag>(x.dims());
    const auto to = dx.open();
    D::for_each(n.outer * n.extent, n.inner,
                route_kernel<typename D::scalar>{dy.data(), places.data(), to.data, n.extent, n.inner,
                                                 to.beta != typename D::scalar(0)});
  }

  template <class T> struct find_kernel {
    const T* x;
    T* y;
    std::int32_t* places;
    isize extent, inner;
    MULTIFUSE_HD void operator()(isize outer, isize i) const {
      const T* column = x + outer * extent * inner + i;
      isize best = 0;
      for (isize r = 1; r < extent; ++r)
        if (T(Sign) * column[r * inner] > T(Sign) * column[best * inner]) best = r;
      y[outer * inner + i] = column[best * inner];
      places[outer * inner + i] = std::int32_t(best);
    }
  };
  template <class T> struct route_kernel {
    const T* from;
    const std::int32_t* places;
    T* to;
    isize extent, inner;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize row, isize i) const {
      const isize place = row / extent * inner + i;
      const T d = places[place] == row % extent ? from[place] : T(0);
      T& target = to[row * inner + i];
      target = accumulate ? target + d : d;
    }
  };
};

namespace detail {
/// All elements along one axis.
template <value X> constexpr auto flattened(const X& x) {
  using S = shape_of_t<X>;
  const S dims_of_x = dims_of(x);
  if constexpr (S::dynamic_axes == 0) {
    constexpr isize n = S{}.size();
    return seen_as(shape<samples<n>>{}, x);
  } else {
    return seen_as(shape<samples<>>(dims_of_x.size()), x);
  }
}
}  // namespace detail

/// Sum over named axes, which disappear: `sum<tokens_axis>(x)` of [batch, tokens, width] is [batch, width]. Without a
/// name over everything, to a single number.
template <class... Tags, value X>
  requires(has_axis<detail::shape_of_t<X>, Tags> && ...)
constexpr auto sum(const X& x) {
  if constexpr (sizeof...(Tags) == 0)
    return apply(sum_op<samples_axis>{}, detail::flattened(x));
  else
    return [&]<class First, class... Rest>(pack<First, Rest...>*) {
      if constexpr (sizeof...(Rest) == 0)
        return apply(sum_op<First>{}, x);
      else
        return sum<Rest...>(apply(sum_op<First>{}, x));
    }(static_cast<pack<Tags...>*>(nullptr));
}

/// Mean over named axes, or over everything; otherwise like `sum`.
template <class... Tags, value X>
  requires(has_axis<detail::shape_of_t<X>, Tags> && ...)
constexpr auto mean(const X& x) {
  const auto s = detail::dims_of(x);
  isize count = s.size();
  if constexpr (sizeof...(Tags) > 0) count = (s.template extent<Tags>() * ... * 1);
  return evaluate(sum<Tags...>(x) * (1.0 / double(count)));
}

/// Largest and smallest element along a named axis, which disappears; the first of equal ones gets the gradient.
template <class Tag, value X>
  requires has_axis<detail::shape_of_t<X>, Tag>
constexpr auto max(const X& x) { return apply(extreme_op<Tag, 1>{}, x); }
template <class Tag, value X>
  requires has_axis<detail::shape_of_t<X>, Tag>
constexpr auto min(const X& x) { return apply(extreme_op<Tag, -1>{}, x); }

}  // namespace multifuse
