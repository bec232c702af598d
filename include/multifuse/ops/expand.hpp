#pragma once
#include "copy_rows.hpp"

namespace multifuse {

namespace detail {
template <class S, class Tag, isize N> struct expanded_shape { using type = join_shapes<shape<axis<Tag, N>>, S>; };
template <class S, class Tag, isize N>
requires(S::template has<Tag>) struct expanded_shape<S, Tag, N> {
  using type = resize_axis<S, Tag, N>;
};
}  // namespace detail

/// The message of an axis that cannot be repeated: its static extent is not 1.
template <class S, class Tag>
concept axis_missing_or_single = !S::template has<Tag> || S::template static_extent<Tag>() == 1;

/// The operation behind `expand` and `expand_like`: axis `Tag` of extent N (its number for dynamic N) by repetition.
template <class Tag, isize N> struct expand_op {
  static constexpr bool backward_ignores_inputs = true, reads_shapes = true;
  isize count = N;

  template <class S, class... Like> constexpr auto shape(const S& x, const Like&... like) const {
    using R = typename detail::expanded_shape<S, Tag, N>::type;
    std::array<isize, R::rank> extents{};
    for (std::size_t i = 0; i < S::rank; ++i) extents[R::rank - S::rank + i] = x[i];
    isize repeated = count;
    ((repeated = like.template extent<Tag>()), ...);
    extents[R::template position<Tag>()] = repeated;
    return R::from(extents);
  }
  template <class R> constexpr double flops(const R&, const auto&...) const { return 0; }
  template <class R> constexpr double backward_flops(const R& y, const auto&...) const { return double(y.size()); }

  template <class D, class R, class S, class... Like>
  void forward(const tensor<D, R>& y, const tensor<D, S>& x, const Like&...) const {
    const auto whole = detail::around<Tag>(y.dims());
    D::for_each(whole.outer * whole.extent, whole.inner,
                repeat_kernel<typename D::scalar>{x.data(), y.data(), whole.extent, whole.inner});
  }
  template <class D, class R, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<D, S>&, const gradient_sink<D, S>& dx) const {
    if (!dx) return;
    const auto whole = detail::around<Tag>(dy.dims());
    const auto to = dx.open();
    D::sum(whole.outer, whole.extent, whole.inner, dy.data(), to.beta, to.data);
  }
  template <class D, class R, class S, class Like, class LikeSink>
  void backward(const tensor<D, R>& dy, const tensor<D, R>& y, const tensor<D, S>& x, const Like&,
                const gradient_sink<D, S>& dx, const LikeSink&) const {
    backward(dy, y, x, dx);
  }

  /// Public, because a CUDA compiler must be able to name a kernel's type.
  template <class T> struct repeat_kernel {
    const T* from;
    T* to;
    isize extent, inner;
    MULTIFUSE_HD void operator()(isize row, isize column) const {
      to[row * inner + column] = from[row / extent * inner + column];
    }
  };
};

/// Repeats a value along an axis that it lacks, which becomes the first one, or along its axis of static extent 1:
/// `expand<frames_axis>(table, 8)` of [tokens, width] is [frames 8, tokens, width]. The gradient is the sum over the
/// axis.
template <class Tag, value X>
requires axis_missing_or_single<detail::shape_of_t<X>, Tag>
constexpr auto expand(const X& x, isize count) { return apply(expand_op<Tag, dynamic>{count}, x); }
/// Likewise with a static extent: `expand<frames_axis, 8>(table)`.
template <class Tag, isize N, value X>
requires axis_missing_or_single<detail::shape_of_t<X>, Tag>
constexpr auto expand(const X& x) { return apply(expand_op<Tag, N>{}, x); }

namespace detail {

/// The extent of one axis of a value as an operand: no elements, but on the same tape or counted in the same place.
template <class Tag, value X> constexpr auto extent_operand(const X& x) {
  using D = device_of_t<X>;
  using S = shape<axis<Tag, shape_of_t<X>::template static_extent<Tag>()>>;
  const S extent = S::from({dims_of(x).template extent<Tag>()});
  if constexpr (std::is_same_v<D, meta>)
    return tensor<meta, S>(extent, count_of(x));
  else if constexpr (on_tape<X>)
    return record(*recorder_of(x), tensor<D, S>({}, nullptr, extent));
  else
    return tensor<D, S>({}, nullptr, extent);
}

}  // namespace detail

namespace detail {
/// The operation behind `beside`.
struct beside_op {
  static constexpr bool backward_ignores_inputs = true, reads_shapes = true, shares_memory = true;
  constexpr auto shape(const auto& x, const auto&) const { return x; }
  constexpr double flops(const auto&, const auto&...) const { return 0; }
  void forward(const auto&, const auto&, const auto&) const {}
  void backward(const auto& dy, const auto&, const auto&, const auto&, const auto& dx, const auto&) const {
    if (dx) dx.give(dy);
  }
};
}  // namespace detail

/// The same elements, on the tape of another value if that is a variable: what is computed from a parameter alone, such
/// as normalized weights or a part of a table, then collects the parameter's gradient. Example:
/// `interpolate<tokens_axis, 49>(beside(positions, x))`.
template <value X, value Like> constexpr auto beside(const X& x, const Like& like) {
  return apply(detail::beside_op{}, x, detail::extent_operand<last_tag<detail::shape_of_t<Like>>>(like));
}

/// Repeats a value as often as another one has items along the axis, static or dynamic: with a variable `like` the
/// result is a variable of its tape, so that a parameter collects its gradient.
template <class Tag, value X, value Like>
requires axis_missing_or_single<detail::shape_of_t<X>, Tag> && has_axis<detail::shape_of_t<Like>, Tag>
constexpr auto expand_like(const X& x, const Like& like) {
  return apply(expand_op<Tag, detail::shape_of_t<Like>::template static_extent<Tag>()>{}, x,
               detail::extent_operand<Tag>(like));
}

/// A parameter such as class tokens [tokens, width] for every item of a batch: [batch, tokens, width], with the batch
/// extent of `like`.
template <value X, value Like> constexpr auto expand_batch(const X& x, const Like& like) {
  return expand_like<batch_axis>(x, like);
}

}  // namespace multifuse
