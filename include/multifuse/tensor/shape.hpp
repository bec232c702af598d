#pragma once
#include <array>
#include <concepts>
#include <string>
#include <type_traits>

#include "../core/error.hpp"
#include "axis.hpp"

namespace multifuse {

/// The message of a missing axis. Read it as: this shape, this axis.
template <class S, class Tag> struct axis_of {
  static constexpr bool value = S::template has<Tag>;
};

namespace detail {
/// False if a shape has more elements than bytes can be counted for.
constexpr bool countable(const isize* extents, std::size_t rank) {
  isize most = isize(1) << 56;
  for (std::size_t i = 0; i < rank; ++i)
    if (extents[i] > 1) most /= extents[i];
  return most > 0;
}

/// Extent of an axis without a look into it: a refused axis is refused once.
template <class Axis> inline constexpr isize extent_of = dynamic;
template <class Tag, isize N> inline constexpr isize extent_of<axis<Tag, N>> = N;
}  // namespace detail

/// A list of named axes, first axis slowest in memory. Extents are static or dynamic, mixed freely.
/// Constructed from its dynamic extents in order: `shape<batch<>, tokens<196>, width<768>> s(8);`
/// Throws shape_error for an extent below 1 and for more than 2^56 elements, whose bytes nothing could count; a
/// default-constructed shape with dynamic axes is empty (size 0).
template <class... Axes> struct shape {
  static constexpr std::size_t rank = sizeof...(Axes);
  static constexpr std::size_t dynamic_axes = ((detail::extent_of<Axes> == dynamic ? 1 : 0) + ... + 0);
  static constexpr std::array<isize, rank> static_extents{detail::extent_of<Axes>...};
  static_assert(detail::countable(static_extents.data(), rank), "multifuse: a shape has at most 2^56 elements");

  constexpr shape() {
    for (isize& extent : extents_) extent = extent == dynamic ? 0 : extent;
  }

  template <std::integral... Extents>
    requires(sizeof...(Extents) == dynamic_axes && sizeof...(Extents) > 0)
  constexpr explicit(dynamic_axes == 1) shape(Extents... dynamic_extents) {
    const std::array<isize, dynamic_axes> given{isize(dynamic_extents)...};
    std::size_t next = 0;
    for (std::size_t i = 0; i < rank; ++i)
      if (static_extents[i] == dynamic) extents_[i] = checked(i, given[next++]);
    check_size();
  }

  /// The shape with these extents, one for each axis; throws shape_error where a static extent disagrees.
  static constexpr shape from(const std::array<isize, rank>& extents) {
    shape result;
    for (std::size_t i = 0; i != rank; ++i) {
      if (static_extents[i] != dynamic && static_extents[i] != extents[i])
        detail::refuse_extent("shape", "wrong extent of the ", names()[i], static_extents[i], extents[i]);
      result.extents_[i] = checked(i, extents[i]);
    }
    result.check_size();
    return result;
  }

  /// The shape with the extents of one that was checked, or of an empty one, without another check.
  static constexpr shape unchecked(const std::array<isize, rank>& extents) {
    shape result;
    result.extents_ = extents;
    return result;
  }

  template <class Tag> static constexpr bool has = (std::is_same_v<Tag, typename Axes::tag> || ...);

  /// Place of the axis in the list; `rank` if it has none of that name.
  template <class Tag> static constexpr std::size_t position() {
    std::size_t i = 0, found = rank;
    ((found = std::is_same_v<Tag, typename Axes::tag> ? i : found, ++i), ...);
    return found;
  }

  /// Extent of the named axis as written in the type: a number or `dynamic`.
  template <class Tag> static constexpr isize static_extent() {
    static_assert(axis_of<shape, Tag>::value, "multifuse: the shape has no axis of this name (read: shape, axis)");
    if constexpr (has<Tag>)
      return static_extents[position<Tag>()];
    else
      return dynamic;
  }

  /// Extent of the named axis.
  template <class Tag> constexpr isize extent() const {
    static_assert(axis_of<shape, Tag>::value, "multifuse: the shape has no axis of this name (read: shape, axis)");
    if constexpr (has<Tag>)
      return extents_[position<Tag>()];
    else
      return 0;
  }

  constexpr const std::array<isize, rank>& extents() const { return extents_; }
  constexpr isize operator[](std::size_t i) const { return extents_[i]; }

  /// Number of elements.
  constexpr isize size() const { return product(0, rank); }
  /// Product of the extents of axes `first` ... `last - 1`.
  constexpr isize product(std::size_t first, std::size_t last) const {
    isize n = 1;
    for (std::size_t i = first; i < last; ++i) n *= extents_[i];
    return n;
  }
  /// Extent of the last axis (1 for a scalar), and the number of rows of that length.
  constexpr isize last() const { return rank == 0 ? 1 : extents_[rank - 1]; }
  constexpr isize leading() const { return product(0, rank == 0 ? 0 : rank - 1); }

  /// Throws a shape_error that shows this shape.
  [[noreturn]] void refuse(std::string_view where, std::string_view problem, std::string_view expected) const {
    const auto tags = names();
    detail::refuse_shape(where, problem, tags.data(), extents_.data(), rank, expected);
  }

  static constexpr std::array<std::string_view, rank> names() { return {Axes::tag::name...}; }

  /// For messages: "[batch 2, tokens 196, width 768]".
  std::string to_string() const {
    const auto tags = names();
    return detail::describe_shape(tags.data(), extents_.data(), rank);
  }

  friend constexpr bool operator==(const shape&, const shape&) = default;

 private:
  static constexpr isize checked(std::size_t i, isize extent) {
    if (extent < 1)
      detail::refuse_extent("shape", "empty ", names()[i], 1, extent, "at least ");
    return extent;
  }

  constexpr void check_size() const {
    if (!detail::countable(extents_.data(), rank))
      refuse("shape", "too many elements", "at most 2^56");
  }

  std::array<isize, rank> extents_{Axes::extent...};
};

/// The shape of a single number.
using scalar_shape = shape<>;

namespace detail {
template <class... S> struct joined_shape;
template <> struct joined_shape<> { using type = shape<>; };
template <class... A> struct joined_shape<shape<A...>> { using type = shape<A...>; };
template <class... A, class... B, class... Rest>
struct joined_shape<shape<A...>, shape<B...>, Rest...> : joined_shape<shape<A..., B...>, Rest...> {};

template <class S, class Tag, class... New> struct exchanged;
template <class... A, class Tag, class... New> struct exchanged<shape<A...>, Tag, New...> {
  using type = typename joined_shape<
      std::conditional_t<std::is_same_v<typename A::tag, Tag>, shape<New...>, shape<A>>...>::type;
};

template <class S> struct last_axis_of;
template <class A> struct last_axis_of<shape<A>> { using type = A; };
template <class A, class B, class... Rest>
struct last_axis_of<shape<A, B, Rest...>> : last_axis_of<shape<B, Rest...>> {};
}  // namespace detail

/// Shape type with the axes `New...` in the place of axis `Tag`; with none, the axis is removed.
template <class S, class Tag, class... New> using exchange_axis = typename detail::exchanged<S, Tag, New...>::type;

/// Shape type whose axis `Tag` has another static extent.
template <class S, class Tag, isize N> using resize_axis = exchange_axis<S, Tag, axis<Tag, N>>;

/// Tag of the last axis of a shape type.
template <class S> using last_tag = typename detail::last_axis_of<S>::type::tag;

/// The shape `R`, whose axes are those of `from` with axis `Tag` exchanged for one of extent `n`.
template <class R, class Tag, class S> constexpr R with_extent(const S& from, isize n) {
  static_assert(R::rank == S::rank && S::template has<Tag>);
  auto extents = from.extents();
  extents[S::template position<Tag>()] = n;
  return R::from(extents);
}

/// The concatenation of shape types.
template <class... S> using join_shapes = typename detail::joined_shape<S...>::type;

template <class T> inline constexpr bool is_shape = false;
template <class... A> inline constexpr bool is_shape<shape<A...>> = true;

namespace detail {
template <class S> struct runtime_shape_of;
template <class... A> struct runtime_shape_of<shape<A...>> {
  using type = shape<axis<typename A::tag, (A::extent == 1 ? 1 : dynamic)>...>;
};
}  // namespace detail

/// The same axes with extents that are known at run time only, so that what is compiled for it serves all extents. An
/// extent of one stays: it is the type that says which axes are repeated.
template <class S> using runtime_shape = typename detail::runtime_shape_of<S>::type;

/// The message of a refused extent. Read it as: this layer or operation, on this axis, expected, got.
template <class Where, class Axis, isize Expected, isize Got> struct extent_mismatch {
  static constexpr bool value = Expected == Got || Expected == dynamic || Got == dynamic;
};

}  // namespace multifuse
