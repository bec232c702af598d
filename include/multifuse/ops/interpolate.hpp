#pragma once
#include <string>

#include "expand.hpp"

namespace multifuse {

/// Where elements lie on an axis that is interpolated: in the middle of cells that fill it (PyTorch's
/// `align_corners=False`), or at points of which the outer ones are its ends (`align_corners=True`).
enum class sampling { cells, corners };

namespace detail {

/// One axis at another extent. Element i of the result lies at `place(i)` of the operand, between whose elements values
/// are linear: element j has the weight 1 - |place(i) - j| there, if that is positive.
struct linear_resize {
  isize from, to;
  bool corners;

  MULTIFUSE_HD double place(isize i) const {
    if (corners) return to > 1 ? double(i) * double(from - 1) / double(to - 1) : 0.0;
    const double p = (double(i) + 0.5) * double(from) / double(to) - 0.5, last = double(from - 1);
    return p < 0 ? 0.0 : p > last ? last : p;
  }
  /// Results first ... last - 1 are those in which element j may have a weight.
  MULTIFUSE_HD isize first(isize j) const { return j == 0 ? 0 : result_at(double(j - 1)); }
  MULTIFUSE_HD isize last(isize j) const {
    if (j == from - 1) return to;
    const isize beyond = result_at(double(j + 1)) + 2;
    return beyond < to ? beyond : to;
  }

 private:
  MULTIFUSE_HD isize result_at(double p) const {
    const double i =
        corners ? p * double(to - 1) / double(from - 1) : (p + 0.5) * double(to) / double(from) - 0.5;
    return i > 0 ? isize(i) : 0;
  }
};

template <class T> struct interpolate_kernel {
  const T* x;
  T* y;
  isize inner;
  linear_resize resize;
  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const double place = resize.place(row % resize.to);
    const isize low = isize(place), high = low + 1 < resize.from ? low + 1 : low;
    const T share = T(place - double(low));
    const T* const from = x + row / resize.to * resize.from * inner + column;
    y[row * inner + column] = (T(1) - share) * from[low * inner] + share * from[high * inner];
  }
};

template <class T> struct interpolate_gradient_kernel {
  const T* dy;
  T* dx;
  isize inner;
  linear_resize resize;
  bool accumulate;
  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const isize j = row % resize.from;
    const T* const from = dy + row / resize.from * resize.to * inner + column;
    T sum = 0;
    for (isize i = resize.first(j); i < resize.last(j); ++i) {
      const double off = resize.place(i) - double(j), weight = 1.0 - (off < 0 ? -off : off);
      if (weight > 0) sum += T(weight) * from[i * inner];
    }
    T& target = dx[row * inner + column];
    target = accumulate ? target + sum : sum;
  }
};

}  // namespace detail

/// The operation behind `interpolate`: axis `Tag` at extent N (`count` for dynamic N).
template <class Tag, isize N> struct interpolate_op {
  static constexpr bool backward_ignores_inputs = true, reads_shapes = true;
  sampling where = sampling::cells;
  isize count = N;

  template <class S, class... Like> constexpr auto shape(const S& x, const Like&... like) const {
    isize wanted = count;
    ((wanted = like.template extent<Tag>()), ...);
    if (wanted < 1)
      throw shape_error("interpolate", "unusable extent of the " + std::string(Tag::name) + " axis", "1 or more",
                        std::to_string(wanted));
    return with_extent<resize_axis<S, Tag, N>, Tag>(x, wanted);
  }
  template <class R> constexpr double flops(const R& y, const auto&...) const { return 4.0 * double(y.size()); }

  template <class D, class R, class S, class... Like>
  void forward(const tensor<D, R>& y, const tensor<D, S>& x, const Like&...) const {
    const auto result = detail::around<Tag>(y.dims());
    D::for_each(result.outer * result.extent, result.inner,
                detail::interpolate_kernel<typename D::scalar>{x.data(), y.data(), result.inner,
                                                               resize(x.dims(), y.dims())});
  }
  template <class D, class R, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<D, S>& x,
                const gradient_sink<D, S>& dx) const {
    if (!dx) return;
    const auto operand = detail::around<Tag>(x.dims());
    const auto to = dx.open();
    D::for_each(operand.outer * operand.extent, operand.inner,
                detail::interpolate_gradient_kernel<typename D::scalar>{
                    dy.data(), to.data, operand.inner, resize(x.dims(), dy.dims()), to.beta != typename D::scalar(0)});
  }
  template <class D, class R, class S, class Like, class LikeSink>
  void backward(const tensor<D, R>& dy, const tensor<D, R>& y, const tensor<D, S>& x, const Like&,
                const gradient_sink<D, S>& dx, const LikeSink&) const {
    backward(dy, y, x, dx);
  }

 private:
  template <class S, class R> detail::linear_resize resize(const S& x, const R& y) const {
    return {x.template extent<Tag>(), y.template extent<Tag>(), where == sampling::corners};
  }
};

/// A value at another extent of one axis, by linear interpolation: `interpolate<tokens_axis, 49>(x)` of
/// [batch, tokens 197, width] is [batch, tokens 49, width]. Two axes, one after the other, make it bilinear:
/// `interpolate<columns_axis, 32>(interpolate<rows_axis, 32>(image))`. Every element inside is a mean of its two
/// neighbors, also where the axis becomes shorter.
template <class Tag, isize N, value X>
requires has_axis<detail::shape_of_t<X>, Tag> &&(N > 0) constexpr auto interpolate(const X& x,
                                                                                    sampling where = sampling::cells) {
  return apply(interpolate_op<Tag, N>{where}, x);
}
/// Likewise with a dynamic extent. Throws shape_error if it is less than 1.
template <class Tag, value X>
requires has_axis<detail::shape_of_t<X>, Tag>
constexpr auto interpolate(const X& x, isize count, sampling where = sampling::cells) {
  return apply(interpolate_op<Tag, dynamic>{where, count}, x);
}
/// Likewise with the extent that another value has, static or dynamic: with a variable `like` the result is a variable of
/// its tape, so that a parameter, such as a table of positions, collects its gradient.
/// Example: `x + interpolate<tokens_axis>(positions, x)`.
template <class Tag, value X, value Like>
requires has_axis<detail::shape_of_t<X>, Tag> && has_axis<detail::shape_of_t<Like>, Tag>
constexpr auto interpolate(const X& x, const Like& like, sampling where = sampling::cells) {
  return apply(interpolate_op<Tag, detail::shape_of_t<Like>::template static_extent<Tag>()>{where}, x,
               detail::extent_operand<Tag>(like));
}

}  // namespace multifuse
