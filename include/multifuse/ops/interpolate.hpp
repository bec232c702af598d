#pragma once
#include <string>

#include "expand.hpp"

namespace multifuse {

/// Where elements lie on an axis that is interpolated: in the middle of cells that fill it (PyTorch's
/// `align_corners=False`), or at points of which the outer ones are its ends (`align_corners=True`).
enum class sampling { cells, corners };

/// What lies between elements: a straight line, or a cubic curve through four of them (Keys 1981 with A = -0.75).
enum class curve { linear, cubic };

/// How an axis is resampled. Element i of the result lies at (i + 1/2) / scale - 1/2 for `cells`; the scale is the
/// ratio of the extents unless it is given.
struct resampling {
  sampling where = sampling::cells;
  curve between = curve::linear;
  double scale = 0;  ///< 0: the extent of the result over that of the operand

  constexpr resampling(sampling place = sampling::cells, curve kind = curve::linear, double given_scale = 0)
      : where(place), between(kind), scale(given_scale) {}
};

namespace detail {

/// The elements of an axis that make one element of the result: up to four neighbors and their weights.
struct resize_taps {
  isize first, count;  // the first may lie before the axis, the last behind it: then the outermost element counts
  double weights[4];
};

/// One axis at another extent.
struct axis_resize {
  isize from, to;
  bool corners, cubic;
  double scale;

  MULTIFUSE_HD double place(isize i) const {
    if (corners) return to > 1 ? double(i) * double(from - 1) / double(to - 1) : 0.0;
    const double p = (double(i) + 0.5) / scale - 0.5, last = double(from - 1);
    return cubic ? p : p < 0 ? 0.0 : p > last ? last : p;
  }
  MULTIFUSE_HD resize_taps taps(isize i) const {
    const double p = place(i);
    const isize low = isize(p) - (p < 0 && double(isize(p)) != p);  // rounded down
    const double s = p - double(low);
    if (!cubic) return {low, 2, {1 - s, s, 0, 0}};
    return {low - 1, 4, {far(1 + s), near(s), near(1 - s), far(2 - s)}};
  }
  MULTIFUSE_HD isize inside(isize j) const { return j < 0 ? 0 : j < from ? j : from - 1; }
  /// Results first ... last - 1 are those in which element j may have a weight.
  MULTIFUSE_HD isize first(isize j) const { return j == 0 ? 0 : result_at(double(j - reach())); }
  MULTIFUSE_HD isize last(isize j) const {
    if (j == from - 1) return to;
    const isize beyond = result_at(double(j + reach())) + 2;
    return beyond < to ? beyond : to;
  }

 private:
  MULTIFUSE_HD isize reach() const { return cubic ? 2 : 1; }
  MULTIFUSE_HD static double near(double x) { return (1.25 * x - 2.25) * x * x + 1; }  // distances up to 1
  MULTIFUSE_HD static double far(double x) { return ((-0.75 * x + 3.75) * x - 6) * x + 3; }  // and up to 2
  MULTIFUSE_HD isize result_at(double p) const {
    const double i = corners ? p * double(to - 1) / double(from - 1) : (p + 0.5) * scale - 0.5;
    return i > 0 ? isize(i) : 0;
  }
};

template <class T> struct interpolate_kernel {
  const T* x;
  T* y;
  isize inner;
  axis_resize resize;
  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const resize_taps taps = resize.taps(row % resize.to);
    const T* const from = x + row / resize.to * resize.from * inner + column;
    compute_type<T> sum = 0;
    for (isize k = 0; k < taps.count; ++k)
      sum += compute_type<T>(taps.weights[k]) * from[resize.inside(taps.first + k) * inner];
    y[row * inner + column] = sum;
  }
};

template <class T> struct interpolate_gradient_kernel {
  const T* dy;
  T* dx;
  isize inner;
  axis_resize resize;
  bool accumulate;
  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const isize j = row % resize.from;
    const T* const from = dy + row / resize.from * resize.to * inner + column;
    compute_type<T> sum = 0;
    for (isize i = resize.first(j); i < resize.last(j); ++i) {
      const resize_taps taps = resize.taps(i);
      for (isize k = 0; k < taps.count; ++k)
        if (resize.inside(taps.first + k) == j) sum += compute_type<T>(taps.weights[k]) * from[i * inner];
    }
    T& target = dx[row * inner + column];
    target = accumulate ? target + sum : sum;
  }
};

}  // namespace detail

/// The operation behind `interpolate`: axis `Tag` at extent N (`count` for dynamic N).
template <class Tag, isize N> struct interpolate_op {
  static constexpr bool backward_ignores_inputs = true, reads_shapes = true;
  resampling how = {};
  isize count = N;

  template <class S, class... Like> constexpr auto shape(const S& x, const Like&... like) const {
    isize wanted = count;
    ((wanted = like.template extent<Tag>()), ...);
    if (wanted < 1)
      throw shape_error("interpolate", "unusable extent of the " + std::string(Tag::name) + " axis", "1 or more",
                        std::to_string(wanted));
    if (!(how.scale >= 0 && how.scale < 1e300))
      throw argument_error("interpolate", "unusable scale", "a positive number", std::to_string(how.scale));
    return with_extent<resize_axis<S, Tag, N>, Tag>(x, wanted);
  }
  template <class R> constexpr double flops(const R& y, const auto&...) const {
    return (how.between == curve::cubic ? 8.0 : 4.0) * double(y.size());
  }

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
  template <class S, class R> detail::axis_resize resize(const S& x, const R& y) const {
    const isize from = x.template extent<Tag>(), to = y.template extent<Tag>();
    return {from, to, how.where == sampling::corners, how.between == curve::cubic,
            how.scale > 0 ? how.scale : double(to) / double(from)};
  }
};

/// A value at another extent of one axis, by interpolation, linear unless `how` says otherwise:
/// `interpolate<tokens_axis, 49>(x)` of [batch, tokens 197, width] is [batch, tokens 49, width]. Two axes, one after
/// the other, make it bilinear: `interpolate<columns_axis, 32>(interpolate<rows_axis, 32>(image))`. Every element
/// inside is a mean of its two (four for cubic) neighbors, also where the axis becomes shorter.
template <class Tag, isize N, value X>
requires has_axis<detail::shape_of_t<X>, Tag> &&(N > 0) constexpr auto interpolate(const X& x, resampling how = {}) {
  return apply(interpolate_op<Tag, N>{how}, x);
}
/// Likewise with a dynamic extent. Throws shape_error if it is less than 1, argument_error for an unusable scale.
template <class Tag, value X>
requires has_axis<detail::shape_of_t<X>, Tag>
constexpr auto interpolate(const X& x, isize count, resampling how = {}) {
  return apply(interpolate_op<Tag, dynamic>{how, count}, x);
}
/// Likewise with the extent that another value has, static or dynamic: with a variable `like` the result is a variable
/// of its tape, so that a parameter, such as a table of positions, collects its gradient.
/// Example: `x + interpolate<tokens_axis>(positions, x)`.
template <class Tag, value X, value Like>
requires has_axis<detail::shape_of_t<X>, Tag> && has_axis<detail::shape_of_t<Like>, Tag>
constexpr auto interpolate(const X& x, const Like& like, resampling how = {}) {
  return apply(interpolate_op<Tag, detail::shape_of_t<Like>::template static_extent<Tag>()>{how}, x,
               detail::extent_operand<Tag>(like));
}

}  // namespace multifuse
