#pragma once
#include "window.hpp"

namespace multifuse {

/// Whether an average counts the padding as zeros or leaves it out.
enum class padding_counts : bool { no, yes };

/// The operation behind `max_pool`.
template <window_config C> struct max_pool_op {
  static constexpr bool backward_ignores_inputs = true;

  template <class S> constexpr auto shape(const S& x) const {
    return detail::shape_of_windows<max_pool_op, C, S::static_extents.back()>("max_pool", x);
  }
  template <class R, class S> constexpr double flops(const R& y, const S&) const { return double(y.size() * C.taps()); }

  /// Returns which tap was the largest.
  template <class D, class R, class S> auto forward(const tensor<D, R>& y, const tensor<D, S>& x) const {
    const tensor<rebind<D, std::int32_t>, R> taps(y.dims());
    D::for_each(y.dims().leading(), y.dims().last(),
                forward_kernel<typename D::scalar>{x.data(), y.data(), taps.data(),
                                                   detail::view_of_windows<C>(x.dims(), y.dims()), x.dims().last()});
    return taps;
  }
  template <class D, class R, class I, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const I& taps, const tensor<D, S>& x,
                const gradient_sink<D, S>& dx) const {
    if (!dx) return;
    const auto to = dx.open();
    D::for_each(x.dims().leading(), x.dims().last(),
                backward_kernel<typename D::scalar>{dy.data(), taps.data(), to.data,
                                                    detail::view_of_windows<C>(x.dims(), dy.dims()), x.dims().last(),
                                                    to.beta != typename D::scalar(0)});
  }

  template <class T> struct forward_kernel {
    const T* x;
    T* y;
    std::int32_t* taps;
    detail::window_view view;
    isize channels;
    MULTIFUSE_HD void operator()(isize row, isize c) const {
      const isize item = row / view.positions(), position = row % view.positions();
      isize best = -1;
      T most = 0;
      for (isize tap = 0; tap < view.taps(); ++tap) {
        const isize source = view.source(position, tap);
        if (source < 0) continue;
        const T candidate = x[(item * view.elements() + source) * channels + c];
        if (best < 0 || candidate > most) best = tap, most = candidate;
      }
      y[row * channels + c] = most;
      taps[row * channels + c] = std::int32_t(best);
    }
  };
  template <class T> struct backward_kernel {
    const T* dy;
    const std::int32_t* taps;
    T* dx;
    detail::window_view view;
    isize channels;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize row, isize c) const {
      const isize item = row / view.elements(), element = row % view.elements();
      T total = 0;
      for (isize tap = 0; tap < view.taps(); ++tap) {
        const isize position = view.reader(element, tap);
        if (position < 0) continue;
        const isize place = (item * view.positions() + position) * channels + c;
        if (taps[place] == tap) total += dy[place];
      }
      T& target = dx[row * channels + c];
      target = accumulate ? target + total : total;
    }
  };
};

/// The operation behind `average_pool`.
template <window_config C, padding_counts Padding> struct average_pool_op {
  static constexpr bool backward_ignores_inputs = true;

  template <class S> constexpr auto shape(const S& x) const {
    return detail::shape_of_windows<average_pool_op, C, S::static_extents.back()>("average_pool", x);
  }
  template <class R, class S> constexpr double flops(const R& y, const S&) const { return double(y.size() * C.taps()); }

  template <class D, class R, class S> void forward(const tensor<D, R>& y, const tensor<D, S>& x) const {
    D::for_each(y.dims().leading(), y.dims().last(),
                forward_kernel<typename D::scalar>{x.data(), y.data(), detail::view_of_windows<C>(x.dims(), y.dims()),
                                                   x.dims().last()});
  }
  template <class D, class R, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<D, S>& x, const gradient_sink<D, S>& dx) const {
    if (!dx) return;
    const auto to = dx.open();
    D::for_each(x.dims().leading(), x.dims().last(),
                backward_kernel<typename D::scalar>{dy.data(), to.data, detail::view_of_windows<C>(x.dims(), dy.dims()),
                                                    x.dims().last(), to.beta != typename D::scalar(0)});
  }

  MULTIFUSE_HD static isize divisor(const detail::window_view& view, isize position) {
    if (Padding == padding_counts::yes) return view.taps();
    isize inside = 0;
    for (isize tap = 0; tap < view.taps(); ++tap) inside += view.source(position, tap) >= 0;
    return inside;
  }
  template <class T> struct forward_kernel {
    const T* x;
    T* y;
    detail::window_view view;
    isize channels;
    MULTIFUSE_HD void operator()(isize row, isize c) const {
      const isize item = row / view.positions(), position = row % view.positions();
      T total = 0;
      for (isize tap = 0; tap < view.taps(); ++tap) {
        const isize source = view.source(position, tap);
        if (source >= 0) total += x[(item * view.elements() + source) * channels + c];
      }
      y[row * channels + c] = total / T(divisor(view, position));
    }
  };
  template <class T> struct backward_kernel {
    const T* dy;
    T* dx;
    detail::window_view view;
    isize channels;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize row, isize c) const {
      const isize item = row / view.elements(), element = row % view.elements();
      T total = 0;
      for (isize tap = 0; tap < view.taps(); ++tap) {
        const isize position = view.reader(element, tap);
        if (position >= 0)
          total += dy[(item * view.positions() + position) * channels + c] / T(divisor(view, position));
      }
      T& target = dx[row * channels + c];
      target = accumulate ? target + total : total;
    }
  };
};

/// The message of padding that a window could lie in entirely.
template <window_config C>
concept padding_below_kernel =
    C.padding[0] < C.tap(0) && (C.axes() < 2 || C.padding[1] < C.tap(1)) && (C.axes() < 3 || C.padding[2] < C.tap(2));

/// The largest element of each window, for every channel: [batch..., spatial..., channels] -> [batch..., spatial'...,
/// channels]. The first of equal ones gets the gradient. `max_pool<window_config{.kernel = {2, 2}, .stride = {2, 2}}>(x)`.
template <window_config C, value X>
  requires padding_below_kernel<C>
constexpr auto max_pool(const X& x) { return apply(max_pool_op<C>{}, x); }

/// The mean of each window, for every channel.
template <window_config C, padding_counts Padding = padding_counts::yes, value X>
  requires padding_below_kernel<C>
constexpr auto average_pool(const X& x) { return apply(average_pool_op<C, Padding>{}, x); }

}  // namespace multifuse
