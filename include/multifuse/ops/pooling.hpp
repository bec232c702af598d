#pragma once
#include "window.hpp"

namespace multifuse {

/// Whether an average counts the padding as zeros or leaves it out.
enum class padding_counts : bool { no, yes };

namespace detail {
/// The shape of pooled x. Spread taps of a padded window can lie on both sides of a short axis: then it is empty.
template <class Where, window_config C, class S> constexpr auto shape_of_pool(std::string_view where, const S& x) {
  constexpr std::size_t first = first_spatial<C, S>;
  const auto y = shape_of_windows<Where, C, S::static_extents.back()>(where, x);
  for (std::size_t i = 0; i < C.axes(); ++i)
    if (C.padding[i] > 0 && x[first + i] < C.spread(i))
      throw shape_error(where, "windows miss the " + std::string(S::names()[first + i]) + " axis",
                        "at least the dilation, " + std::to_string(C.spread(i)), std::to_string(x[first + i]));
  return y;
}
}  // namespace detail

/// The operation behind `max_pool`.
template <window_config C> struct max_pool_op {
  static constexpr bool backward_ignores_inputs = true;

  template <class S> constexpr auto shape(const S& x) const {
    return detail::shape_of_pool<max_pool_op, C>("max_pool", x);
  }
  template <class R, class S> constexpr double flops(const R& y, const S&) const { return double(y.size() * C.taps()); }
  template <class R, class S> constexpr double backward_flops(const R& y, const S&) const { return double(y.size()); }

  /// Returns which tap was the largest.
  template <class D, class R, class S> auto forward(const tensor<D, R>& y, const tensor<D, S>& x) const {
    const tensor<rebind<D, std::int32_t>, R> taps(y.dims());
    const isize channels = x.dims().last();
    D::for_each(y.dims().leading(), detail::channel_blocks(channels),
                forward_kernel<typename D::scalar>{x.data(), y.data(), taps.data(),
                                                   detail::view_of_windows<C>(x.dims(), y.dims()), channels});
    return taps;
  }
  template <class D, class R, class I, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const I& taps, const tensor<D, S>& x,
                const gradient_sink<D, S>& dx) const {
    if (!dx) return;
    using T = typename D::scalar;
    const auto to = dx.open();
    const isize channels = x.dims().last();
    D::for_each(x.dims().leading(), detail::channel_blocks(channels),
                backward_kernel<T>{dy.data(), taps.data(), to.data, detail::view_of_windows<C>(x.dims(), dy.dims()),
                                   channels, to.beta != T(0)});
  }

  template <class T> struct forward_kernel {
    const T* x;
    T* y;
    std::int32_t* taps;
    detail::window_view<C> view;
    isize channels;
    MULTIFUSE_HD void operator()(isize row, isize block) const { detail::run_channels(*this, row, block, channels); }
    template <class Count> MULTIFUSE_HD void run(isize row, isize channel, Count lanes) const {
      const T* const item = x + row / view.positions() * view.elements() * channels + channel;
      T most[detail::channel_lanes];
      std::int32_t best[detail::channel_lanes];
      bool first = true;
      view.each_source(row % view.positions(), [&](isize element, isize tap) {
        const T* const candidates = item + element * channels;
        for (isize i = 0; i < lanes; ++i) {
          const T candidate = candidates[i];
          const bool larger = first || candidate > most[i] || candidate != candidate;  // NaN stays visible
          most[i] = larger ? candidate : most[i];
          best[i] = larger ? std::int32_t(tap) : best[i];
        }
        first = false;
      });
      for (isize i = 0; i < lanes; ++i) {
        y[row * channels + channel + i] = most[i];
        taps[row * channels + channel + i] = best[i];
      }
    }
  };
  template <class T> struct backward_kernel {
    const T* dy;
    const std::int32_t* taps;
    T* dx;
    detail::window_view<C> view;
    isize channels;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize row, isize block) const { detail::run_channels(*this, row, block, channels); }
    template <class Count> MULTIFUSE_HD void run(isize row, isize channel, Count lanes) const {
      const isize item = row / view.elements() * view.positions() * channels + channel;
      compute_type<T> total[detail::channel_lanes];
      for (isize i = 0; i < lanes; ++i) total[i] = 0;
      view.each_reader(row % view.elements(), [&](isize position, isize tap) {
        const T* const gradient = dy + item + position * channels;
        const std::int32_t* const best = taps + item + position * channels;
        for (isize i = 0; i < lanes; ++i) total[i] += best[i] == std::int32_t(tap) ? gradient[i] : T(0);
      });
      T* const to = dx + row * channels + channel;
      for (isize i = 0; i < lanes; ++i) to[i] = accumulate ? to[i] + total[i] : total[i];
    }
  };
};

/// The operation behind `average_pool`.
template <window_config C, padding_counts Padding> struct average_pool_op {
  static constexpr bool backward_ignores_inputs = true;

  template <class S> constexpr auto shape(const S& x) const {
    return detail::shape_of_pool<average_pool_op, C>("average_pool", x);
  }
  template <class R, class S> constexpr double flops(const R& y, const S&) const { return double(y.size() * C.taps()); }
  template <class R, class S> constexpr double backward_flops(const R& y, const S& x) const { return flops(y, x); }

  template <class D, class R, class S> void forward(const tensor<D, R>& y, const tensor<D, S>& x) const {
    const isize channels = x.dims().last();
    D::for_each(y.dims().leading(), detail::channel_blocks(channels),
                kernel<typename D::scalar, false>{x.data(), y.data(), detail::view_of_windows<C>(x.dims(), y.dims()),
                                                  channels, false});
  }
  template <class D, class R, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<D, S>& x,
                const gradient_sink<D, S>& dx) const {
    if (!dx) return;
    using T = typename D::scalar;
    const auto to = dx.open();
    const isize channels = x.dims().last();
    D::for_each(x.dims().leading(), detail::channel_blocks(channels),
                kernel<T, true>{dy.data(), to.data, detail::view_of_windows<C>(x.dims(), dy.dims()), channels,
                                to.beta != T(0)});
  }

  /// Forward: the mean of one window. Backward: the gradient of one element, from the windows that read it.
  template <class T, bool Backward> struct kernel {
    const T* from;
    T* to;
    detail::window_view<C> view;
    isize channels;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize row, isize block) const { detail::run_channels(*this, row, block, channels); }
    template <class Count> MULTIFUSE_HD void run(isize row, isize channel, Count lanes) const {
      const isize own = Backward ? view.elements() : view.positions();
      const isize other = Backward ? view.positions() : view.elements();
      const T* const item = from + row / own * other * channels + channel;
      compute_type<T> total[detail::channel_lanes];
      for (isize i = 0; i < lanes; ++i) total[i] = 0;
      const auto add = [&](isize place, compute_type<T> weight) {
        for (isize i = 0; i < lanes; ++i) total[i] += weight * item[place * channels + i];
      };
      if constexpr (Backward) {
        view.each_reader(row % own, [&](isize position, isize) { add(position, weight_of(position)); });
      } else {
        const compute_type<T> weight = weight_of(row % own);
        view.each_source(row % own, [&](isize element, isize) { add(element, weight); });
      }
      T* const result = to + row * channels + channel;
      for (isize i = 0; i < lanes; ++i) result[i] = accumulate ? result[i] + total[i] : total[i];
    }
    MULTIFUSE_HD compute_type<T> weight_of(isize position) const {
      isize count = C.taps();
      if constexpr (Padding == padding_counts::no) {
        count = 0;
        view.each_source(position, [&](isize, isize) { ++count; });
      }
      return T(1) / T(count);
    }
  };
};

/// The message of padding that a window could lie in entirely.
template <window_config C>
concept padding_below_kernel =
    C.padding[0] < C.tap(0) && (C.axes() < 2 || C.padding[1] < C.tap(1)) && (C.axes() < 3 || C.padding[2] < C.tap(2));

/// The largest element of each window, for every channel: [batch..., one to three spatial axes, channels] -> the same
/// axes with fewer places. NaN is the largest of all; the first of equal ones gets the gradient. Throws shape_error if
/// the kernel does not fit. Example: `max_pool<window_config{.kernel = {2, 2}, .stride = {2, 2}}>(image)`.
template <window_config C, value X>
  requires valid_windows<C> && padding_below_kernel<C>
constexpr auto max_pool(const X& x) { return apply(max_pool_op<C>{}, x); }

/// The mean of each window, for every channel; otherwise like `max_pool`. The mean over whole axes is
/// `mean<rows_axis, columns_axis>(image)`.
template <window_config C, padding_counts Padding = padding_counts::yes, value X>
  requires valid_windows<C> && padding_below_kernel<C>
constexpr auto average_pool(const X& x) { return apply(average_pool_op<C, Padding>{}, x); }

}  // namespace multifuse
