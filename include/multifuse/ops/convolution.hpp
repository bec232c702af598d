#pragma once
#include "window.hpp"

namespace multifuse {

/// The operation behind `convolution`: windows of x, taken apart by groups of channels, times a weight matrix
/// [out, taps, in / groups]. `Where` names the layer in messages.
template <class Where, window_config C, isize Groups> struct convolution_op {
  using numbers = multifuse::shape<samples<>>;

  template <class S, class W, class... B> constexpr auto shape(const S& x, const W&, const B&...) const {
    constexpr isize in = W::static_extents[2] * Groups;
    static_assert(extent_mismatch<Where, last_tag<S>, in, S::static_extents.back()>::value,
                  "multifuse: this layer expects another extent on this axis (read: layer, axis, expected, got)");
    if (x.last() != in)
      throw shape_error("convolution", "wrong number of channels of " + x.to_string(), std::to_string(in),
                        std::to_string(x.last()));
    return detail::shape_of_windows<Where, C, W::static_extents[0]>("convolution", x);
  }
  template <class R, class S, class W, class... B>
  constexpr double flops(const R& y, const S&, const W& weight, const B&...) const {
    return 2.0 * double(y.size()) * double(weight[1] * weight[2]) + (sizeof...(B) > 0 ? double(y.size()) : 0.0);
  }

  template <class D, class R, class S, class W, class... B>
  void forward(const tensor<D, R>& y, const tensor<D, S>& x, const tensor<D, W>& weight, const B&... bias) const {
    using T = typename D::scalar;
    const sizes n(x.dims(), y.dims(), weight.dims());
    (D::for_each(n.items * n.positions, n.out, spread_kernel<T>{bias.data(), y.data(), n.out}), ...);
    const T beta = sizeof...(B) > 0 ? T(1) : T(0);
    if constexpr (Groups > 1)
      if (n.in_of_group == 1 && n.out_of_group == 1) {
        D::for_each(n.items * n.positions, n.out,
                    depthwise_kernel<T>{x.data(), weight.data(), y.data(), n.view, n.out, beta != T(0)});
        return;
      }
    const tensor<D, numbers> patches(numbers(n.items_at_once * n.positions * n.patch));
    for (isize first = 0; first < n.items; first += n.items_at_once) {
      const isize rows = n.count(first) * n.positions;
      gather(n, first, x, patches.data());
      D::multiply(Groups, rows, n.out_of_group, n.patch_of_group, T(1), {patches.data(), n.patch, n.patch_of_group},
                  {weight.data(), n.patch_of_group, n.out_of_group * n.patch_of_group, layout::transposed}, beta,
                  {y.data() + first * n.positions * n.out, n.out, n.out_of_group});
    }
  }

  template <class D, class R, class S, class W>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<D, S>& x, const tensor<D, W>& weight,
                const gradient_sink<D, S>& dx, const gradient_sink<D, W>& dweight) const {
    using T = typename D::scalar;
    const sizes n(x.dims(), dy.dims(), weight.dims());
    if constexpr (Groups > 1)
      if (n.in_of_group == 1 && n.out_of_group == 1) {
        depthwise_backward(n, dy, x, weight, dx, dweight);
        return;
      }
    if (!dx && !dweight) return;
    const tensor<D, numbers> patches(numbers(n.items_at_once * n.positions * n.patch));
    const auto to_weight = dweight ? dweight.open() : typename gradient_sink<D, W>::target{nullptr, T(0)};
    const auto to_x = dx ? dx.open() : typename gradient_sink<D, S>::target{nullptr, T(0)};
    for (isize first = 0; first < n.items; first += n.items_at_once) {
      const isize rows = n.count(first) * n.positions;
      const T* const dout = dy.data() + first * n.positions * n.out;
      if (dweight) {
        gather(n, first, x, patches.data());
        D::multiply(Groups, n.out_of_group, n.patch_of_group, rows, T(1), {dout, n.out, n.out_of_group, layout::transposed},
                    {patches.data(), n.patch, n.patch_of_group}, first > 0 ? T(1) : to_weight.beta,
                    {to_weight.data, n.patch_of_group, n.out_of_group * n.patch_of_group});
      }
      if (dx) {
        D::multiply(Groups, rows, n.patch_of_group, n.out_of_group, T(1), {dout, n.out, n.out_of_group},
                    {weight.data(), n.patch_of_group, n.out_of_group * n.patch_of_group}, T(0),
                    {patches.data(), n.patch, n.patch_of_group});
        const isize elements = n.view.elements();
        D::for_each(n.count(first) * elements, n.in,
                    collect_kernel<T>{patches.data(), to_x.data + first * elements * n.in, n.view, n.in, n.in_of_group,
                                      n.patch, to_x.beta != T(0)});
      }
    }
  }
  template <class D, class R, class S, class W, class B>
  void backward(const tensor<D, R>& dy, const tensor<D, R>& y, const tensor<D, S>& x, const tensor<D, W>& weight,
                const tensor<D, B>&, const gradient_sink<D, S>& dx, const gradient_sink<D, W>& dweight,
                const gradient_sink<D, B>& dbias) const {
    backward(dy, y, x, weight, dx, dweight);
    if (dbias) {
      const auto to = dbias.open();
      D::sum(1, dy.dims().leading(), dy.dims().last(), dy.data(), to.beta, to.data);
    }
  }

  struct sizes {
    detail::window_view view;
    isize items, positions, in, out, in_of_group, out_of_group, patch_of_group, patch, items_at_once;
    template <class S, class R, class W>
    sizes(const S& x, const R& y, const W& weight)
        : view(detail::view_of_windows<C>(x, y)), items(x.product(0, S::rank - 1 - C.axes())), positions(view.positions()),
          in(x.last()), out(y.last()), in_of_group(in / Groups), out_of_group(out / Groups),
          patch_of_group(weight[1] * in_of_group), patch(patch_of_group * Groups) {
      const isize budget = isize(1) << 20;  // elements of scratch memory; one item must fit all the same
      items_at_once = budget / (positions * patch);
      items_at_once = items_at_once < 1 ? 1 : items_at_once > items ? items : items_at_once;
    }
    isize count(isize first) const { return items_at_once < items - first ? items_at_once : items - first; }
  };

  template <class T> struct spread_kernel {
    const T* bias;
    T* y;
    isize out;
    MULTIFUSE_HD void operator()(isize row, isize c) const { y[row * out + c] = bias[c]; }
  };
  /// One tap of one group of a window: row = (item and position, group, tap), columns are the group's channels.
  template <class T> struct gather_kernel {
    const T* x;
    T* patches;
    detail::window_view view;
    isize in, in_of_group;
    MULTIFUSE_HD void operator()(isize row, isize c) const {
      const isize taps = view.taps(), groups = in / in_of_group;
      const isize tap = row % taps, group = row / taps % groups, place = row / taps / groups;
      const isize source = view.source(place % view.positions(), tap);
      const isize item = place / view.positions();
      patches[row * in_of_group + c] =
          source < 0 ? T(0) : x[(item * view.elements() + source) * in + group * in_of_group + c];
    }
  };
  /// The gradient of one input element: from every window that reads it.
  template <class T> struct collect_kernel {
    const T* patches;
    T* dx;
    detail::window_view view;
    isize in, in_of_group, patch;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize row, isize c) const {
      const isize item = row / view.elements(), element = row % view.elements(), taps = view.taps();
      const isize within = c / in_of_group * taps * in_of_group + c % in_of_group;
      T total = 0;
      for (isize tap = 0; tap < taps; ++tap) {
        const isize position = view.reader(element, tap);
        if (position >= 0) total += patches[(item * view.positions() + position) * patch + within + tap * in_of_group];
      }
      T& target = dx[row * in + c];
      target = accumulate ? target + total : total;
    }
  };
  template <class T> struct depthwise_kernel {
    const T *x, *weight;
    T* y;
    detail::window_view view;
    isize channels;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize row, isize c) const {
      const isize item = row / view.positions(), position = row % view.positions(), taps = view.taps();
      T total = accumulate ? y[row * channels + c] : T(0);
      for (isize tap = 0; tap < taps; ++tap) {
        const isize source = view.source(position, tap);
        if (source >= 0) total += weight[c * taps + tap] * x[(item * view.elements() + source) * channels + c];
      }
      y[row * channels + c] = total;
    }
  };
  template <class T> struct depthwise_input_kernel {
    const T *dy, *weight;
    T* dx;
    detail::window_view view;
    isize channels;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize row, isize c) const {
      const isize item = row / view.elements(), element = row % view.elements(), taps = view.taps();
      T total = 0;
      for (isize tap = 0; tap < taps; ++tap) {
        const isize position = view.reader(element, tap);
        if (position >= 0) total += weight[c * taps + tap] * dy[(item * view.positions() + position) * channels + c];
      }
      T& target = dx[row * channels + c];
      target = accumulate ? target + total : total;
    }
  };
  /// What one tap contributes to its weight's gradient at every position.
  template <class T> struct depthwise_product_kernel {
    const T *x, *dy;
    T* products;
    detail::window_view view;
    isize channels, tap;
    MULTIFUSE_HD void operator()(isize row, isize c) const {
      const isize source = view.source(row % view.positions(), tap), item = row / view.positions();
      products[row * channels + c] =
          source < 0 ? T(0) : dy[row * channels + c] * x[(item * view.elements() + source) * channels + c];
    }
  };
  template <class T> struct place_tap_kernel {
    const T* sums;
    T* dweight;
    isize taps, tap;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize, isize c) const {
      T& target = dweight[c * taps + tap];
      target = accumulate ? target + sums[c] : sums[c];
    }
  };

 private:
  template <class D, class S> static void gather(const sizes& n, isize first, const tensor<D, S>& x, typename D::scalar* patches) {
    D::for_each(n.count(first) * n.positions * Groups * n.view.taps(), n.in_of_group,
                gather_kernel<typename D::scalar>{x.data() + first * n.view.elements() * n.in, patches, n.view, n.in,
                                                  n.in_of_group});
  }
  template <class D, class R, class S, class W>
  static void depthwise_backward(const sizes& n, const tensor<D, R>& dy, const tensor<D, S>& x, const tensor<D, W>& weight,
                                 const gradient_sink<D, S>& dx, const gradient_sink<D, W>& dweight) {
    using T = typename D::scalar;
    if (dx) {
      const auto to = dx.open();
      D::for_each(n.items * n.view.elements(), n.in,
                  depthwise_input_kernel<T>{dy.data(), weight.data(), to.data, n.view, n.in, to.beta != T(0)});
    }
    if (dweight) {
      const auto to = dweight.open();
      const tensor<D, numbers> products(numbers{dy.size()}), sums(numbers{n.in});
      for (isize tap = 0; tap < n.view.taps(); ++tap) {
        D::for_each(n.items * n.positions, n.in,
                    depthwise_product_kernel<T>{x.data(), dy.data(), products.data(), n.view, n.in, tap});
        D::sum(1, n.items * n.positions, n.in, products.data(), T(0), sums.data());
        D::for_each(1, n.in, place_tap_kernel<T>{sums.data(), to.data, n.view.taps(), tap, to.beta != T(0)});
      }
    }
  }
};

}  // namespace multifuse
