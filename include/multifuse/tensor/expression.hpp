#pragma once
#include <array>
#include <concepts>
#include <string>
#include <type_traits>

#include "../core/pack.hpp"
#include "tensor.hpp"

namespace multifuse {

namespace detail {
/// What is asked of a pointwise function; refused once, however many expressions use it.
template <class F> struct checked_function {
  static_assert(F::flops >= 0, "multifuse: a pointwise function says how many operations an element takes");
};
}  // namespace detail

/// A lazy pointwise expression: `F` applied to operands that are tensors, variables, parameters, numbers or
/// expressions. It is evaluated in one pass when an operation, a layer or `evaluate` needs its elements.
/// `F` has `static T value(T...)`, `static slopes<T, N> slopes(T...)` (one derivative for each argument) and `flops`.
template <class F, class... A> struct pointwise {
  static_assert(sizeof(detail::checked_function<F>) > 0);
  F function;
  pack<A...> operands;
};

/// The derivatives of a pointwise function with respect to its N arguments.
template <class T, std::size_t N> struct slopes_of {
  T slope[N];
};

/// A number in an expression: the same for all elements.
struct number {
  double value;
};

template <class X> inline constexpr bool is_pointwise = false;
template <class F, class... A> inline constexpr bool is_pointwise<pointwise<F, A...>> = true;

/// What an expression can refer to. Higher floors add their own leaves (variables, parameters).
template <class X> inline constexpr bool is_leaf = is_tensor<X>;

/// Anything with named axes that a pointwise function or an operation accepts.
template <class X>
concept value = is_leaf<X> || is_pointwise<X>;

/// The device of an operand; meta wins, so that any model can be called with shapes.
template <class X> struct device_of { using type = typename X::device; };
template <> struct device_of<number> { using type = void; };
template <class... D> struct common_device { using type = void; };
template <class D, class... Rest> struct common_device<D, Rest...> {
  using rest = typename common_device<Rest...>::type;
  using type = std::conditional_t<std::is_void_v<D> || std::is_same_v<rest, meta>, rest, D>;
};
template <class F, class... A> struct device_of<pointwise<F, A...>> {
  using type = typename common_device<typename device_of<A>::type...>::type;
};
template <class... X> using device_of_t = typename common_device<typename device_of<X>::type...>::type;

/// The message of operands that cannot meet. Read it as: this function or operation, the operands' devices (void: any).
template <class Where, class... D> struct devices_agree {
  using common = typename common_device<D...>::type;
  static constexpr bool value =
      std::is_same_v<common, meta> || ((std::is_void_v<D> || std::is_same_v<D, common>) && ...);
};

namespace detail {

template <class X> struct shape_of { using type = typename X::shape_type; };
template <> struct shape_of<number> { using type = shape<>; };

template <class Best, class... S> struct widest_shape { using type = Best; };
template <class Best, class S, class... Rest>
struct widest_shape<Best, S, Rest...> : widest_shape<std::conditional_t<(S::rank > Best::rank), S, Best>, Rest...> {};

/// Extent of axis `Tag` over operands: a static one other than 1 if there is any, else dynamic, else 1.
template <class Tag, class... S> constexpr isize merged_extent() {
  isize merged = 1;
  [[maybe_unused]] auto see = [&]<class One>(One*) {
    if constexpr (One::template has<Tag>) {
      constexpr isize e = One::template static_extent<Tag>();
      if (merged == 1 || (merged == dynamic && e != 1)) merged = e;
    }
  };
  (see(static_cast<S*>(nullptr)), ...);
  return merged;
}

template <class Widest, class... S> struct merged_shape;
template <class... A, class... S> struct merged_shape<shape<A...>, S...> {
  using type = shape<axis<typename A::tag, merged_extent<typename A::tag, S...>()>...>;
};
template <class... S>
using merged_shape_t = typename merged_shape<typename widest_shape<shape<>, S...>::type, S...>::type;

/// True if the axes of S appear in R in the same order.
template <class S, class R> struct axes_in_order;
template <class... A, class R> struct axes_in_order<shape<A...>, R> {
  static constexpr bool compute() {
    [[maybe_unused]] std::size_t next = 0;
    bool fits = true;
    ((fits = fits && R::template position<typename A::tag>() < R::rank &&
             R::template position<typename A::tag>() >= next,
      next = R::template position<typename A::tag>() + 1),
     ...);
    return fits;
  }
  static constexpr bool value = compute();
};

template <class F, class... A> struct shape_of<pointwise<F, A...>> {
  using type = merged_shape_t<typename shape_of<A>::type...>;
};
template <class X> using shape_of_t = typename shape_of<X>::type;

/// The message of operands with foreign axes. Read it as: this function, the operands' shapes.
template <class F, class... S> struct axes_agree {
  static constexpr bool value = (axes_in_order<S, merged_shape_t<S...>>::value && ...);
};

/// An axis of an operand beside the same axis of the result R; an extent of 1 is repeated.
template <class F, class R, class Axis>
using broadcast_axis = extent_mismatch<F, typename Axis::tag, R::template static_extent<typename Axis::tag>(),
                                       Axis::extent == 1 ? dynamic : Axis::extent>;

/// Static extents of an operand agree with the result's.
template <class F, class R, class S> inline constexpr bool broadcast_fits = false;
template <class F, class R, class... A>
inline constexpr bool broadcast_fits<F, R, shape<A...>> = (broadcast_axis<F, R, A>::value && ...);

/// The first axis on which an operand does not fit, for the message; there is one.
template <class F, class R, class... S> struct first_mismatch;
template <class F, class R, class... Rest>
struct first_mismatch<F, R, shape<>, Rest...> : first_mismatch<F, R, Rest...> {};
template <class F, class R, class A, class... B, class... Rest>
struct first_mismatch<F, R, shape<A, B...>, Rest...>
    : std::conditional_t<broadcast_axis<F, R, A>::value, first_mismatch<F, R, shape<B...>, Rest...>,
                         std::type_identity<broadcast_axis<F, R, A>>> {};

/// Shape of an expression at run time; throws shape_error where dynamic extents disagree. Only an axis whose extent is
/// 1 in its type is repeated: a dynamic extent must be that of the other operands.
template <class F, class... A> constexpr auto shape_of_expression(const pointwise<F, A...>& x);
template <class X> constexpr auto dims_of(const X& x) {
  if constexpr (std::is_same_v<X, number>)
    return shape<>{};
  else if constexpr (is_pointwise<X>)
    return shape_of_expression(x);
  else
    return x.dims();
}

template <class R, class S>
constexpr void merge_extents(std::array<isize, R::rank>& extents, const S& operand) {
  [&]<class... A>([[maybe_unused]] const shape<A...>& s) {
    std::size_t i = 0;
    [[maybe_unused]] auto merge = [&](std::size_t place, isize fixed) {
      const isize extent = s[i++];
      if (place == R::rank || fixed == 1) return;
      if (extents[place] != 0 && extents[place] != extent)
        refuse_extent("pointwise expression", "operands disagree on the ", R::names()[place], extents[place], extent);
      extents[place] = extent;
    };
    (merge(R::template position<typename A::tag>(), A::extent), ...);
  }(operand);
}

template <class R, class... S> constexpr R merge_shapes(const S&... operands) {
  std::array<isize, R::rank> extents{};  // 0: not known yet
  (merge_extents<R>(extents, operands), ...);
  for (isize& extent : extents) extent = extent == 0 ? 1 : extent;
  return R::from(extents);
}

template <class F, class... A> constexpr auto shape_of_expression(const pointwise<F, A...>& x) {
  using R = shape_of_t<pointwise<F, A...>>;
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return merge_shapes<R>(dims_of(get<I>(x.operands))...);
  }(std::index_sequence_for<A...>{});
}

/// Refuses operands that cannot meet, where the expression is written; true if they can.
template <class F, class... A> constexpr bool operands_fit() {
  using agree = devices_agree<F, typename device_of<A>::type...>;
  using axes = axes_agree<F, shape_of_t<A>...>;
  if constexpr (!agree::value) {
    static_assert(agree::value, "multifuse: operands live on different devices (read: function, devices)");
    return false;
  } else if constexpr (!axes::value) {
    static_assert(axes::value, "multifuse: one operand of a pointwise expression must have all axes of the others, in "
                               "the same order (read: function, shapes)");
    return false;
  } else {
    using R = merged_shape_t<shape_of_t<A>...>;
    if constexpr ((broadcast_fits<F, R, shape_of_t<A>> && ...)) {
      return true;
    } else {
      using mismatch = typename first_mismatch<F, R, shape_of_t<A>...>::type;
      static_assert(mismatch::value,
                    "multifuse: operands of a pointwise expression disagree (read: function, axis, expected, got)");
      return false;
    }
  }
}

/// Operations for one element of an expression.
template <class X> inline constexpr double flops_of = 0;
template <class F, class... A>
inline constexpr double flops_of<pointwise<F, A...>> = F::flops + (flops_of<A> + ... + 0.0);

}  // namespace detail

/// Axes and extents of a value: tensor, variable, parameter or expression.
template <value X> constexpr auto dims(const X& x) { return detail::dims_of(x); }

/// Extent of the named axis of a value: `extent<tokens_axis>(x)`.
template <class Tag, value X> constexpr isize extent(const X& x) {
  return detail::dims_of(x).template extent<Tag>();
}

}  // namespace multifuse
