#pragma once
#include "copy_rows.hpp"

namespace multifuse {

namespace detail {

/// Extent of an axis over the values to be joined: the sum along the joined axis, else the first static one.
template <class Tag, bool Joined, class... S> constexpr isize joined_extent() {
  isize total = 0, common = dynamic;
  bool known = true;
  ((known = known && S::template static_extent<Tag>() != dynamic, total += S::template static_extent<Tag>(),
    common = common == dynamic ? S::template static_extent<Tag>() : common),
   ...);
  if (!Joined) return common;
  return known ? total : dynamic;
}

template <class Tag, class First, class... S> struct concatenated;
template <class Tag, class... A, class... S> struct concatenated<Tag, shape<A...>, S...> {
  using type =
      shape<axis<typename A::tag,
                 joined_extent<typename A::tag, std::is_same_v<typename A::tag, Tag>, shape<A...>, S...>()>...>;
};

}  // namespace detail

/// The operation behind `concat`.
template <class Tag> struct concat_op {
  static constexpr bool backward_ignores_inputs = true;

  template <class... S> constexpr auto shape(const S&... x) const {
    using R = typename detail::concatenated<Tag, S...>::type;
    (check_static<R>(x), ...);
    std::array<isize, R::rank> extents{};
    (take_extents<R>(extents, x), ...);
    return R::from(extents);
  }
  template <class R, class... S> constexpr double flops(const R&, const S&...) const { return 0; }

  template <class D, class R, class... S> void forward(const tensor<D, R>& y, const tensor<D, S>&... x) const {
    const auto whole = detail::around<Tag>(y.dims());
    auto* to = y.data();
    const auto place = [&](const auto& part) {
      const isize run = detail::around<Tag>(part.dims()).extent * whole.inner;
      detail::copy_rows<D>(whole.outer, run, part.data(), run, to, whole.extent * whole.inner);
      to += run;
    };
    (place(x), ...);
  }

  template <class D, class R, class... InputsAndSinks>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const InputsAndSinks&... all) const {
    const auto whole = detail::around<Tag>(dy.dims());
    std::array<isize, sizeof...(all) / 2> runs{};
    std::size_t inputs = 0, sinks = 0;
    const auto* from = dy.data();
    const auto visit = [&](const auto& one) {
      if constexpr (is_tensor<std::remove_cvref_t<decltype(one)>>) {
        runs[inputs++] = detail::around<Tag>(one.dims()).extent * whole.inner;
      } else {
        const isize run = runs[sinks++];
        if (one) {
          const auto to = one.open();
          detail::copy_rows<D>(whole.outer, run, from, whole.extent * whole.inner, to.data, run, to.beta);
        }
        from += run;
      }
    };
    (visit(all), ...);
  }

 private:
  template <class R, class... A> static constexpr void check_static(const multifuse::shape<A...>&) {
    (check_axis<R, A>(), ...);
  }
  template <class R, class A> static constexpr void check_axis() {
    if constexpr (!std::is_same_v<typename A::tag, Tag>)
      static_assert(
          extent_mismatch<concat_op, typename A::tag, R::template static_extent<typename A::tag>(), A::extent>::value,
          "multifuse: values to be joined disagree on another axis (read: operation, axis, expected, got)");
  }
  template <class R, class S> static constexpr void take_extents(std::array<isize, R::rank>& extents, const S& x) {
    constexpr std::size_t joined = R::template position<Tag>();
    for (std::size_t i = 0; i < R::rank; ++i) {
      if (i == joined)
        extents[i] += x[i];
      else if (extents[i] != 0 && extents[i] != x[i])
        detail::refuse_extent("concat", "values disagree on the ", R::names()[i], extents[i], x[i]);
      else
        extents[i] = x[i];
    }
  }
};

/// Joins values along a named axis, in their order: `concat<tokens_axis>(class_token, patches)` of [batch, 1, width]
/// and [batch, 196, width] is [batch, 197, width]. All have the same axes in the same order; static extents add up in
/// the type. One value alone is returned as it is. Throws shape_error where dynamic extents of other axes disagree.
template <class Tag, value X, value... Rest>
requires has_axis<detail::shape_of_t<X>, Tag> && same_axes_in_order<detail::shape_of_t<X>, detail::shape_of_t<Rest>...>
constexpr auto concat(const X& x, const Rest&... rest) {
  if constexpr (sizeof...(Rest) == 0 && requires { evaluate(x); })
    return evaluate(x);
  else
    return apply(concat_op<Tag>{}, x, rest...);
}

}  // namespace multifuse
