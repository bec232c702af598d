#pragma once
#include <string>

#include "../tape/apply.hpp"
#include "axes.hpp"

namespace multifuse {

/// The message of more elements asked for than an axis has (read: value, axis, count).
template <class S, class Tag, isize Count>
concept count_within_axis = has_axis<S, Tag> && Count > 0 &&
                            (S::template static_extent<Tag>() == dynamic || Count <= S::template static_extent<Tag>());

namespace detail {

/// Integers that are chosen by looking at numbers: `choose(numbers, integers)` fills a tensor of shape R. They are on
/// no tape, because nothing is differentiated through a choice. Where shapes are only counted, `flops` are counted.
template <class R, value X, class Choose>
constexpr auto chosen(const R& result, const X& x, double flops, const Choose& choose) {
  using D = device_of_t<X>;
  if constexpr (std::is_same_v<D, meta>) {
    operation_count* const count = count_of(x);
    if (count) *count = *count + operation_count{flops, 0, 4.0 * double(result.size())};
    return tensor<meta, R>(result, count);
  } else {
    static_cast<void>(flops);
    const tensor<rebind<D, std::int32_t>, R> integers(result);
    const auto numbers = evaluate(x);
    choose(plain_tensor(numbers), integers);
    return integers;
  }
}

constexpr void require_count(std::string_view where, std::string_view axis_name, isize count, isize extent) {
  if (count > extent)
    throw shape_error(where, "too few elements on the " + std::string(axis_name) + " axis",
                      "at least " + std::to_string(count), std::to_string(extent));
}

/// Places of the `count` largest of x[0], x[stride] ..., largest first, the first of equal ones first; NaN comes last.
/// Needs no other memory than the result: each pass looks for the next one after the last found.
template <class T>
MULTIFUSE_HD inline void find_largest(const T* x, isize extent, isize stride, std::int32_t* places, isize place_stride,
                                      isize count) {
  T bound = T(0);
  isize last = -1;
  for (isize k = 0; k < count; ++k) {
    isize best = -1;
    T most = T(0);
    for (isize i = 0; i < extent; ++i) {
      const T value = x[i * stride];
      if (value != value) continue;
      const bool left = last < 0 || value < bound || (value == bound && i > last);
      if (left && (best < 0 || value > most)) best = i, most = value;
    }
    if (best < 0) {  // only NaN is left
      isize passed = k;
      for (isize i = 0; i < extent; ++i) passed -= x[i * stride] == x[i * stride];
      for (isize i = 0; i < extent && k < count; ++i)
        if (x[i * stride] != x[i * stride] && passed-- <= 0) places[k++ * place_stride] = std::int32_t(i);
      return;
    }
    places[k * place_stride] = std::int32_t(best);
    bound = most, last = best;
  }
}

template <class T> struct largest_places_kernel {
  const T* x;
  std::int32_t* places;
  isize extent, count;
  MULTIFUSE_HD void operator()(isize row, isize) const {
    find_largest(x + row * extent, extent, 1, places + row * count, 1, count);
  }
};

}  // namespace detail

/// The operation behind `largest_values`.
template <class Tag, isize Count> struct largest_values_op {
  static constexpr bool backward_ignores_inputs = true;

  template <class S> constexpr auto shape(const S& x) const {
    detail::require_count("largest_values", Tag::name, Count, x.template extent<Tag>());
    return with_extent<resize_axis<S, Tag, Count>, Tag>(x, Count);
  }
  template <class R, class S> constexpr double flops(const R&, const S& x) const { return double(x.size() * Count); }
  template <class R, class S> constexpr double backward_flops(const R& y, const S&) const { return double(y.size()); }

  /// Returns where along the axis each result stood.
  template <class D, class R, class S> auto forward(const tensor<D, R>& y, const tensor<D, S>& x) const {
    const auto n = detail::around<Tag>(x.dims());
    const tensor<rebind<D, std::int32_t>, R> places(y.dims());
    D::for_each(n.outer, n.inner,
                kernel<typename D::scalar, false>{x.data(), y.data(), places.data(), n.extent, n.inner});
    return places;
  }
  template <class D, class R, class P, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const P& places, const tensor<D, S>&,
                const gradient_sink<D, S>& dx) const {
    if (!dx) return;
    const auto n = detail::around<Tag>(dx.dims());
    D::for_each(n.outer, n.inner,
                kernel<typename D::scalar, true>{dy.data(), dx.add_to(), places.data(), n.extent, n.inner});
  }

  /// One column along the axis: its largest elements, or the gradients back to their places.
  template <class T, bool Back> struct kernel {
    const T* from;
    T* to;
    std::int32_t* places;
    isize extent, inner;
    MULTIFUSE_HD void operator()(isize outer, isize i) const {
      const isize full = outer * extent * inner + i, short_one = outer * Count * inner + i;
      if constexpr (!Back) detail::find_largest(from + full, extent, inner, places + short_one, inner, Count);
      for (isize k = 0; k < Count; ++k) {
        const isize place = full + places[short_one + k * inner] * inner;
        if constexpr (Back)
          to[place] = to[place] + from[short_one + k * inner];
        else
          to[short_one + k * inner] = from[place];
      }
    }
  };
};

/// The Count largest elements along a named axis, largest first: `largest_values<tokens_axis, 4>(x)` of [batch, tokens,
/// width] is [batch, tokens 4, width]. Each column is sorted by itself, so that the results of neighboring columns come
/// from different places. Of equal elements the first stands first, NaN last. Throws shape_error if there are fewer.
template <class Tag, isize Count, value X>
requires count_within_axis<detail::shape_of_t<X>, Tag, Count>
constexpr auto largest_values(const X& x) { return apply(largest_values_op<Tag, Count>{}, x); }

/// Places of the Count largest elements of each row, largest first, for `gather`: scores [batch, tokens] give 32-bit
/// integers [batch, tokens Count]. Equal elements, NaN and refusals as for `largest_values`. Not differentiable.
template <isize Count, value X>
requires count_within_axis<detail::shape_of_t<X>, last_tag<detail::shape_of_t<X>>, Count>
constexpr auto largest_places(const X& scores) {
  using S = detail::shape_of_t<X>;
  const S from = detail::dims_of(scores);
  detail::require_count("largest_places", last_tag<S>::name, Count, from.last());
  const auto result = with_extent<resize_axis<S, last_tag<S>, Count>, last_tag<S>>(from, Count);
  return detail::chosen(result, scores, double(from.size() * Count), [](const auto& x, const auto& places) {
    using device = typename std::remove_cvref_t<decltype(x)>::device;
    device::for_each(
        x.dims().leading(), 1,
        detail::largest_places_kernel<typename device::scalar>{x.data(), places.data(), x.dims().last(), Count});
  });
}

}  // namespace multifuse
