#pragma once
#include <cmath>

#include "../core/math.hpp"
#include "../tape/apply.hpp"

namespace multifuse {

/// The operation behind `softmax` and `log_softmax`: over the last axis.
template <bool Logarithm> struct softmax_op {
  static constexpr bool backward_ignores_inputs = true;
  static constexpr bool backward_reads_output = true;

  template <class S> constexpr S shape(const S& x) const { return x; }
  template <class S> constexpr double flops(const S& y, const S&) const { return 12.0 * double(y.size()); }

  template <class D, class S> void forward(const tensor<D, S>& y, const tensor<D, S>& x) const {
    D::for_each(x.dims().leading(), 1, forward_kernel<typename D::scalar>{x.data(), y.data(), x.dims().last()});
  }
  template <class D, class S>
  void backward(const tensor<D, S>& dy, const tensor<D, S>& y, const tensor<D, S>&, const gradient_sink<D, S>& dx) const {
    using T = typename D::scalar;
    if (!dx) return;
    const auto to = dx.open();
    D::for_each(y.dims().leading(), 1,
                backward_kernel<T>{y.data(), dy.data(), to.data, y.dims().last(), to.beta != T(0)});
  }

  template <class T> struct forward_kernel {
    const T* x;
    T* y;
    isize count;
    MULTIFUSE_HD void operator()(isize row, isize) const {
      const T* in = x + row * count;
      T* out = y + row * count;
      T most = in[0];
      for (isize i = 1; i < count; ++i) most = in[i] > most ? in[i] : most;
      for (isize i = 0; i < count; ++i) out[i] = math::exp(in[i] - most);
      T total = 0;
      for (isize i = 0; i < count; ++i) total += out[i];
      if constexpr (Logarithm) {
        const T logarithm = std::log(total);
        for (isize i = 0; i < count; ++i) out[i] = (in[i] - most) - logarithm;
      } else {
        for (isize i = 0; i < count; ++i) out[i] /= total;
      }
    }
  };
  template <class T> struct backward_kernel {
    const T *y, *dy;
    T* dx;
    isize count;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize row, isize) const {
      const T *p = y + row * count, *g = dy + row * count;
      T* out = dx + row * count;
      T total = 0;
      for (isize i = 0; i < count; ++i) total += Logarithm ? g[i] : p[i] * g[i];
      for (isize i = 0; i < count; ++i) {
        const T d = Logarithm ? g[i] - math::exp(p[i]) * total : p[i] * (g[i] - total);
        out[i] = accumulate ? out[i] + d : d;
      }
    }
  };
};

/// exp(x) / sum exp(x) over the last axis, without overflow; and its logarithm.
template <value X> constexpr auto softmax(const X& x) { return apply(softmax_op<false>{}, x); }
template <value X> constexpr auto log_softmax(const X& x) { return apply(softmax_op<true>{}, x); }

}  // namespace multifuse
