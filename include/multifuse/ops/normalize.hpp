#pragma once
#include <cmath>

#include "../tape/apply.hpp"

namespace multifuse {

/// The operation behind `l2_normalize`.
struct l2_normalize_op {
  double epsilon;

  template <class S> constexpr S shape(const S& x) const { return x; }
  template <class S> constexpr double flops(const S& y, const S&) const { return 3.0 * double(y.size()); }

  template <class D, class S> void forward(const tensor<D, S>& y, const tensor<D, S>& x) const {
    using T = typename D::scalar;
    D::for_each(x.dims().leading(), 1, forward_kernel<T>{x.data(), y.data(), x.dims().last(), T(epsilon)});
  }
  template <class D, class S>
  void backward(const tensor<D, S>& dy, const tensor<D, S>&, const tensor<D, S>& x, const gradient_sink<D, S>& dx) const {
    using T = typename D::scalar;
    if (!dx) return;
    const auto to = dx.open();
    D::for_each(x.dims().leading(), 1,
                backward_kernel<T>{x.data(), dy.data(), to.data, x.dims().last(), T(epsilon), to.beta != T(0)});
  }

  template <class T> MULTIFUSE_HD static T length(const T* x, isize count) {
    T squares = 0;
    for (isize i = 0; i < count; ++i) squares += x[i] * x[i];
    return std::sqrt(squares);
  }
  template <class T> struct forward_kernel {
    const T* x;
    T* y;
    isize count;
    T epsilon;
    MULTIFUSE_HD void operator()(isize row, isize) const {
      const T n = length(x + row * count, count);
      const T inverse = T(1) / (n > epsilon ? n : epsilon);
      for (isize i = 0; i < count; ++i) y[row * count + i] = x[row * count + i] * inverse;
    }
  };
  template <class T> struct backward_kernel {
    const T *x, *dy;
    T* dx;
    isize count;
    T epsilon;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize row, isize) const {
      const T *in = x + row * count, *g = dy + row * count;
      T* out = dx + row * count;
      const T n = length(in, count);
      const bool free = n > epsilon;  // else the divisor is a constant
      const T inverse = T(1) / (free ? n : epsilon);
      T along = 0;
      for (isize i = 0; i < count; ++i) along += in[i] * g[i];
      along = free ? along * inverse * inverse : T(0);
      for (isize i = 0; i < count; ++i) {
        const T d = inverse * (g[i] - in[i] * along);
        out[i] = accumulate ? out[i] + d : d;
      }
    }
  };
};

/// x / max(|x|, epsilon) over the last axis, |x| the Euclidean length.
template <value X> constexpr auto l2_normalize(const X& x, double epsilon = 1e-12) {
  return apply(l2_normalize_op{epsilon}, x);
}

}  // namespace multifuse
