#pragma once
#include "copy_rows.hpp"

namespace multifuse {

/// The message of a slice that reaches over the end of its axis (read: value, axis, first, count).
template <class S, class Tag, isize First, isize Count>
concept slice_within_axis = has_axis<S, Tag> && First >= 0 && Count > 0 &&
                            (S::template static_extent<Tag>() == dynamic ||
                             First <= S::template static_extent<Tag>() - Count);

/// The operation behind `slice`: `count` elements of axis `Tag` from `first` on; Count is its number in the type.
template <class Tag, isize Count> struct slice_op {
  static constexpr bool backward_ignores_inputs = true;
  isize first, count;

  template <class S> constexpr auto shape(const S& x) const {
    const isize extent = x.template extent<Tag>();
    if (first < 0 || count < 1 || first > extent - count)
      throw shape_error("slice", "not within the " + std::string(Tag::name) + " axis",
                        "elements of 0 ... " + std::to_string(extent - 1),
                        std::to_string(count) + " from " + std::to_string(first) + " on");
    return with_extent<exchange_axis<S, Tag, axis<Tag, Count>>, Tag>(x, count);
  }
  template <class R, class S> constexpr double flops(const R&, const S&) const { return 0; }

  template <class D, class R, class S> void forward(const tensor<D, R>& y, const tensor<D, S>& x) const {
    const auto whole = detail::around<Tag>(x.dims());
    const isize run = count * whole.inner;
    detail::copy_rows<D>(whole.outer, run, x.data() + first * whole.inner, whole.extent * whole.inner, y.data(), run);
  }
  template <class D, class R, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<D, S>&, const gradient_sink<D, S>& dx) const {
    if (!dx) return;
    const auto whole = detail::around<Tag>(dx.dims());
    const isize run = count * whole.inner;
    detail::copy_rows<D>(whole.outer, run, dy.data(), run, dx.add_to() + first * whole.inner,
                         whole.extent * whole.inner, typename D::scalar(1));
  }
};

/// `count` elements of a named axis from `first` on: `slice<tokens_axis>(x, 1, 196)`. Throws shape_error unless they
/// exist.
template <class Tag, value X>
requires has_axis<detail::shape_of_t<X>, Tag>
constexpr auto slice(const X& x, isize first, isize count) { return apply(slice_op<Tag, dynamic>{first, count}, x); }
/// Likewise with a static extent from a place known at run time: `slice_of<tokens_axis, 196>(x, first)`.
template <class Tag, isize Count, value X>
requires slice_within_axis < detail::shape_of_t<X>, Tag,
0, Count > constexpr auto slice_of(const X& x, isize first) { return apply(slice_op<Tag, Count>{first, Count}, x); }
/// Likewise with both in the type, checked by the compiler: `slice<tokens_axis, 1, 196>(x)`.
template <class Tag, isize First, isize Count, value X>
requires slice_within_axis<detail::shape_of_t<X>, Tag, First, Count>
constexpr auto slice(const X& x) { return apply(slice_op<Tag, Count>{First, Count}, x); }

namespace detail {

/// A slice for each extent, one after the other, of an axis that they fill.
template <class Tag, isize... Counts, class X>
constexpr auto cut(const X& x, const std::array<isize, sizeof...(Counts)>& counts) {
  const isize extent = dims_of(x).template extent<Tag>();
  isize total = 0;
  std::array<isize, sizeof...(Counts)> firsts{};
  for (std::size_t i = 0; i < counts.size(); ++i) {
    firsts[i] = total;
    total += counts[i];
  }
  if (total != extent)
    throw shape_error("parts", "the parts do not fill the " + std::string(Tag::name) + " axis", std::to_string(extent),
                      std::to_string(total));
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return make_pack(apply(slice_op<Tag, Counts>{firsts[I], counts[I]}, x)...);
  }
  (std::make_index_sequence<sizeof...(Counts)>{});
}

template <class> inline constexpr isize dynamic_for = dynamic;

}  // namespace detail

/// The message of parts that do not fill their axis (read: value, axis, extents).
template <class S, class Tag, isize... Extents>
concept parts_fill_axis = has_axis<S, Tag> &&((Extents > 0) && ...) &&
                          (S::template static_extent<Tag>() == dynamic ||
                           S::template static_extent<Tag>() == (Extents + ... + isize(0)));

/// The inverse of `concat`, a pack of parts with extents in the type: `parts<width_axis, 64, 64, 64>(x)`.
/// Throws shape_error if they do not fill the axis.
template <class Tag, isize... Extents, value X>
requires(sizeof...(Extents) > 0) && parts_fill_axis<detail::shape_of_t<X>, Tag, Extents...> constexpr auto parts(
                                        const X& x) {
  return detail::cut<Tag, Extents...>(detail::evaluate_operand(x), {Extents...});
}
/// Likewise with extents known at run time: `parts<tokens_axis>(x, 4, n)`.
template <class Tag, value X, std::integral... Extents>
requires(sizeof...(Extents) > 0) && has_axis<detail::shape_of_t<X>, Tag> constexpr auto parts(const X& x,
                                                                                              Extents... extents) {
  return detail::cut<Tag, detail::dynamic_for<Extents>...>(detail::evaluate_operand(x), {isize(extents)...});
}

/// The operation behind `flip` and `roll`: element i of the result is element (direction * i + offset) mod extent.
template <class Tag> struct cyclic_op {
  static constexpr bool backward_ignores_inputs = true;
  isize direction;  ///< 1 or -1
  isize offset;     ///< 0 ... extent - 1

  template <class S> constexpr S shape(const S& x) const { return x; }
  template <class R, class S> constexpr double flops(const R&, const S&) const { return 0; }

  template <class D, class S> void forward(const tensor<D, S>& y, const tensor<D, S>& x) const {
    const auto whole = detail::around<Tag>(x.dims());
    D::for_each(whole.outer * whole.extent, whole.inner,
                kernel<typename D::scalar, false>{x.data(), y.data(), *this, whole.extent, whole.inner, false});
  }
  template <class D, class S>
  void backward(const tensor<D, S>& dy, const tensor<D, S>&, const tensor<D, S>&, const gradient_sink<D, S>& dx) const {
    if (!dx) return;
    const auto whole = detail::around<Tag>(dx.dims());
    const auto to = dx.open();
    using T = typename D::scalar;
    D::for_each(whole.outer * whole.extent, whole.inner,
                kernel<T, true>{dy.data(), to.data, *this, whole.extent, whole.inner, to.beta != T(0)});
  }

  /// Public, because a CUDA compiler must be able to name a kernel's type.
  template <class T, bool Back> struct kernel {
    const T* from;
    T* to;
    cyclic_op op;
    isize extent, inner;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize row, isize column) const {
      const isize i = row % extent;
      const isize moved = row - i + (op.direction * i + op.offset) % extent;  // offset >= i where the direction is -1
      T& target = to[(Back ? moved : row) * inner + column];
      const T x = from[(Back ? row : moved) * inner + column];
      target = accumulate ? target + x : x;
    }
  };
};

/// The elements of an axis in reverse order.
template <class Tag, value X>
requires has_axis<detail::shape_of_t<X>, Tag>
constexpr auto flip(const X& x) { return apply(cyclic_op<Tag>{-1, detail::dims_of(x).template extent<Tag>() - 1}, x); }

/// The elements of an axis moved on by `shift` places (back for negative ones); what leaves at the end enters at the
/// beginning.
template <class Tag, value X>
requires has_axis<detail::shape_of_t<X>, Tag>
constexpr auto roll(const X& x, isize shift) {
  const isize extent = detail::dims_of(x).template extent<Tag>();
  return apply(cyclic_op<Tag>{1, (extent - shift % extent) % extent}, x);
}

}  // namespace multifuse
