#pragma once
#include "expand.hpp"

namespace multifuse {

namespace detail {

template <class S, class... Tags> struct without_axes { using type = S; };
template <class S, class Tag, class... Rest>
struct without_axes<S, Tag, Rest...> : without_axes<exchange_axis<S, Tag>, Rest...> {};

template <class S, class First, class... Rest> constexpr bool follow_each_other() {
  std::size_t next = S::template position<First>();
  return next < S::rank && ((S::template position<Rest>() == ++next && next < S::rank) && ...);
}

template <class S, class... Tags> constexpr bool is_permutation() {
  return sizeof...(Tags) == S::rank && S::rank > 0 && all_different<Tags...>() && (S::template has<Tags> && ...);
}

/// The same elements under another shape; computed by whoever makes the operation.
template <class R> struct view_op {
  static constexpr bool backward_ignores_inputs = true;
  static constexpr bool shares_memory = true;
  R result;

  constexpr R shape(const auto&) const { return result; }
  constexpr double flops(const R&, const auto&) const { return 0; }
  void forward(const auto&, const auto&) const {}
  void backward(const auto& dy, const auto&, const auto&, const auto& dx) const {
    if (dx) dx.give(dy);
  }
};

/// The elements of x with the axes R.
template <class R, value X> constexpr auto seen_as(const R& result, const X& x) { return apply(view_op<R>{result}, x); }

}  // namespace detail

/// The message of axes that cannot be merged: one is missing, or they do not follow each other in the value.
template <class S, class... Tags>
concept neighboring_axes = detail::follow_each_other<S, Tags...>();

/// The message of an incomplete or repeated list of axes.
template <class S, class... Tags>
concept permutation_of_axes = detail::is_permutation<S, Tags...>();

namespace detail {

template <class S, class New, class First, class... Rest> struct merged_axes {
  static constexpr isize compute() {
    if (((S::template static_extent<First>() == dynamic) || ... || (S::template static_extent<Rest>() == dynamic)))
      return dynamic;
    return (S::template static_extent<First>() * ... * S::template static_extent<Rest>());
  }
  using type = exchange_axis<typename without_axes<S, Rest...>::type, First, axis<New, compute()>>;
};

}  // namespace detail

/// Neighboring axes `First, Rest...` as one axis `New`, without a copy: `merge<tokens_axis, rows_axis,
/// columns_axis>(x)` of [batch, rows 4, columns 5, width] is [batch, tokens 20, width].
template <class New, class First, class... Rest, value X>
requires neighboring_axes<detail::shape_of_t<X>, First, Rest...>
constexpr auto merge(const X& x) {
  using S = detail::shape_of_t<X>;
  using R = typename detail::merged_axes<S, New, First, Rest...>::type;
  static_assert(axes_with_different_names<R>, "multifuse: the new axis has the name of another one");
  const S from = detail::dims_of(x);
  constexpr std::size_t place = S::template position<First>(), count = 1 + sizeof...(Rest);
  std::array<isize, R::rank> extents{};
  for (std::size_t i = 0; i < R::rank; ++i) extents[i] = i <= place ? from[i] : from[i + count - 1];
  extents[place] = from.product(place, place + count);
  return detail::seen_as(R::from(extents), x);
}

namespace detail {

template <class... New> inline constexpr isize known_product = ((New::extent == dynamic ? 1 : New::extent) * ... * 1);

/// The shape S whose axis `Tag` of static extent `Old` becomes `New...`; a single dynamic one follows from the others.
template <class S, class Tag, isize Old, class... New> struct split_shape {
  static constexpr bool follows = Old != dynamic && shape<New...>::dynamic_axes == 1 && Old >= known_product<New...>;
  template <class A>
  static constexpr isize extent_of = follows&& A::extent == dynamic ? Old / known_product<New...> : A::extent;
  using type = exchange_axis<S, Tag, axis<typename New::tag, extent_of<New>>...>;
};

}  // namespace detail

/// One axis as several, without a copy, the inverse of `merge`: `split<tokens_axis, rows<4>, columns<>>(x)`. The
/// extents of dynamic new axes are given in order; the last of them may be left out. Throws shape_error if the new
/// extents do not multiply to the old one.
template <class Tag, class... New, value X, std::integral... Extents>
requires has_axis<detail::shape_of_t<X>, Tag> &&(sizeof...(New) > 0) &&
    (shape<New...>::dynamic_axes == sizeof...(Extents) ||
     shape<New...>::dynamic_axes == sizeof...(Extents) + 1) constexpr auto split(const X& x, Extents... given) {
  using S = detail::shape_of_t<X>;
  constexpr bool inferred = shape<New...>::dynamic_axes > sizeof...(Extents);
  constexpr isize old = S::template static_extent<Tag>(), known = detail::known_product<New...>;
  if constexpr (sizeof...(Extents) == 0)
    static_assert(extent_mismatch < shape<New...>, Tag, old, inferred && old % known == 0 ? dynamic : known > ::value,
                  "multifuse: the new axes do not multiply to the old one (read: new axes, old axis, expected, got)");
  using R = typename detail::split_shape<S, Tag, old, New...>::type;
  static_assert(axes_with_different_names<R>, "multifuse: a new axis has the name of another one");
  const S from = detail::dims_of(x);
  constexpr std::size_t place = S::template position<Tag>(), count = sizeof...(New);
  const std::array<isize, count> fixed{New::extent...};
  const std::array<isize, sizeof...(Extents) + 1> written{isize(given)...};
  std::array<isize, R::rank> extents{};
  std::size_t unknown = count;
  isize next = 0;
  isize product = 1;
  for (std::size_t i = 0; i < R::rank; ++i)
    extents[i] = i + 1 <= place ? from[i] : i < place + count ? 1 : from[i + 1 - count];
  for (std::size_t i = 0; i < count; ++i) {
    isize& extent = extents[place + i];
    if (fixed[i] != dynamic)
      extent = fixed[i];
    else if (next < isize(sizeof...(Extents)))
      extent = written[std::size_t(next++)];
    else
      unknown = i;
    product *= extent;
  }
  if (unknown < count && product > 0) product *= extents[place + unknown] = from[place] / product;
  if (product != from[place])
    throw shape_error("split", "the new axes do not multiply to the " + std::string(Tag::name) + " axis",
                      std::to_string(from[place]), std::to_string(product));
  return detail::seen_as(R::from(extents), x);
}

/// The same elements with another name for one axis, without a copy: `rename<tokens_axis, keys_axis>(x)`.
template <class From, class To, value X>
requires has_axis<detail::shape_of_t<X>, From>
constexpr auto rename(const X& x) { return merge<To, From>(x); }

/// The operation behind `permute`.
template <class... Tags> struct permute_op {
  static constexpr bool backward_ignores_inputs = true;

  template <class S> constexpr auto shape(const S& x) const {
    using R = multifuse::shape<axis<Tags, S::template static_extent<Tags>()>...>;
    return R::from({x.template extent<Tags>()...});
  }
  template <class R, class S> constexpr double flops(const R&, const S&) const { return 0; }

  template <class D, class R, class S> void forward(const tensor<D, R>& y, const tensor<D, S>& x) const {
    D::for_each(y.dims().leading(), y.dims().last(), make_kernel<false>(y.dims(), x.dims(), x.data(), y.data(), false));
  }
  template <class D, class R, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<D, S>&, const gradient_sink<D, S>& dx) const {
    if (!dx) return;
    const auto to = dx.open();
    D::for_each(dy.dims().leading(), dy.dims().last(),
                make_kernel<true>(dy.dims(), dx.dims(), dy.data(), to.data, to.beta != typename D::scalar(0)));
  }

  static constexpr std::size_t rank = sizeof...(Tags);

  /// Between an array in the order of the result and one in the order of the operand. Public, because a CUDA compiler
  /// must be able to name a kernel's type.
  template <class T, bool Back> struct kernel {
    const T* from;
    T* to;
    bool accumulate;
    isize extents[rank], strides[rank];  // of the operand, in the order of the result

    MULTIFUSE_HD void operator()(isize row, isize column) const {
      const isize dense = row * extents[rank - 1] + column;
      isize strided = column * strides[rank - 1];
      for (isize i = isize(rank) - 2; i >= 0; --i) {
        strided += row % extents[i] * strides[i];
        row /= extents[i];
      }
      T& target = to[Back ? strided : dense];
      const T x = from[Back ? dense : strided];
      target = accumulate ? target + x : x;
    }
  };

 private:
  template <bool Back, class R, class S, class T>
  static kernel<T, Back> make_kernel(const R& result, const S& operand, const T* from, T* to, bool accumulate) {
    kernel<T, Back> made{from, to, accumulate, {}, {operand.product(S::template position<Tags>() + 1, S::rank)...}};
    for (std::size_t i = 0; i < rank; ++i) made.extents[i] = result[i];
    return made;
  }
};

/// The axes in another order, all of them named: `permute<batch_axis, heads_axis, tokens_axis, width_axis>(x)`. Copies.
template <class... Tags, value X>
requires permutation_of_axes<detail::shape_of_t<X>, Tags...>
constexpr auto permute(const X& x) { return apply(permute_op<Tags...>{}, x); }

}  // namespace multifuse
