#pragma once
#include "../tape/apply.hpp"

namespace multifuse {

/// The message of an operation on an axis that a value lacks.
template <class S, class Tag>
concept has_axis = S::template has<Tag>;

namespace detail {

/// True if no tag occurs twice: then each is at its own place.
template <class... Tags> constexpr bool all_different() {
  return ((isize(shape<axis<Tags>...>::template position<Tags>()) + ... + 0) ==
          isize(sizeof...(Tags) * (sizeof...(Tags) - (sizeof...(Tags) > 0)) / 2));
}
template <class S> inline constexpr bool different_axes = false;
template <class... A> inline constexpr bool different_axes<shape<A...>> = all_different<typename A::tag...>();

}  // namespace detail

/// The message of a result in which two axes would have one name.
template <class S>
concept axes_with_different_names = detail::different_axes<S>;

namespace detail {

template <class T> struct copy_rows_kernel {
  const T* from;
  isize from_stride;
  T* to;
  isize to_stride;
  bool accumulate;

  MULTIFUSE_HD void operator()(isize row, isize column) const {
    T& target = to[row * to_stride + column];
    const T x = from[row * from_stride + column];
    target = accumulate ? target + x : x;
  }
};

/// Copies `rows` runs of `run` elements that start `from_stride` (0: always the same) and `to_stride` elements apart;
/// adds them to what is there with `beta` 1.
template <class D, class T = typename D::scalar>
void copy_rows(isize rows, isize run, const T* from, isize from_stride, T* to, isize to_stride, T beta = T(0)) {
  D::for_each(rows, run, copy_rows_kernel<T>{from, from_stride, to, to_stride, beta != T(0)});
}

/// A shape seen from one axis: what is before it, it, and what is behind it in memory.
struct axis_view {
  isize outer, extent, inner;
};
template <class Tag, class S> constexpr axis_view around(const S& shape) {
  constexpr std::size_t place = S::template position<Tag>();
  return {shape.product(0, place), shape[place], shape.product(place + 1, S::rank)};
}

}  // namespace detail
}  // namespace multifuse
