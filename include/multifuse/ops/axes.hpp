#pragma once
#include "../tensor/shape.hpp"

/// What operations ask of the axes of their operands. The concepts' names are the messages of refusals.
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

template <class A, class B> inline constexpr bool equal_axes = false;
template <class... A, class... B>
requires(sizeof...(A) == sizeof...(B)) inline constexpr bool equal_axes<shape<A...>, shape<B...>> =
    (std::is_same_v<typename A::tag, typename B::tag> && ...);

/// Tag of the axis before the last one, and the axes before these two.
template <class S> using second_last_tag = last_tag<exchange_axis<S, last_tag<S>>>;
template <class S> using without_matrix = exchange_axis<exchange_axis<S, last_tag<S>>, second_last_tag<S>>;

/// A shape seen from one axis: what is before it, it, and what is behind it in memory.
struct axis_view {
  isize outer, extent, inner;
};
template <class Tag, class S> constexpr axis_view around(const S& shape) {
  constexpr std::size_t place = S::template position<Tag>();
  return {shape.product(0, place), shape[place], shape.product(place + 1, S::rank)};
}

}  // namespace detail

/// The message of a result in which two axes would have one name.
template <class S>
concept axes_with_different_names = detail::different_axes<S>;

/// The message of values whose axes differ: all need the same axes in the same order.
template <class S, class... Other>
concept same_axes_in_order = (detail::equal_axes<S, Other> && ...);

}  // namespace multifuse
