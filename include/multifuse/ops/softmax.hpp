#pragma once
#include <cmath>

#include "../core/math.hpp"
#include "../tape/apply.hpp"
#include "../tensor/row_reductions.hpp"

namespace multifuse {

namespace detail {

/// y = exp(x - largest) / sum, or its logarithm.
template <class T, bool Logarithm> struct softmax_kernel {
  static constexpr bool works_on_a_row = true;
  const T* x;
  T* y;
  isize width;
  MULTIFUSE_HD void operator()(isize row, isize) const { compute(row, one_worker()); }
  template <class Workers> MULTIFUSE_HD void compute(isize row, const Workers& workers) const {
    using C = compute_type<T>;
    constexpr bool keeps = std::is_same_v<T, C>;  // the exponentials; what is stored rounded is computed again
    const T* in = x + row * width;
    T* out = y + row * width;
    const C most = workers.largest(in, width);
    if constexpr (keeps) workers.each(width, [in, out, most](isize i) { out[i] = math::exp(in[i] - most); });
    const auto power = [=](isize i) -> C {
      if constexpr (keeps)
        return out[i];
      else
        return math::exp(in[i] - most);
    };
    const C total = workers.template sum<C>(width, power);
    if constexpr (Logarithm) {
      const C shift = std::log(total);
      workers.each(width, [in, out, most, shift](isize i) { out[i] = in[i] - most - shift; });
    } else {
      const C inverse = C(1) / total;
      workers.each(width, [=](isize i) { out[i] = power(i) * inverse; });
    }
  }
};

/// dx = y (dy - sum(y dy)); of the logarithm dy - exp(y) sum(dy).
template <class T, bool Logarithm> struct softmax_gradient_kernel {
  static constexpr bool works_on_a_row = true;
  const T *dy, *y;
  T* dx;
  isize width;
  bool accumulate;
  MULTIFUSE_HD void operator()(isize row, isize) const { compute(row, one_worker()); }
  template <class Workers> MULTIFUSE_HD void compute(isize row, const Workers& workers) const {
    const T *g = dy + row * width, *out = y + row * width;
    T* to = dx + row * width;
    using C = compute_type<T>;
    const C total =
        workers.template sum<C>(width, [g, out](isize i) -> C { return Logarithm ? C(g[i]) : g[i] * out[i]; });
    workers.each(width, [g, out, to, total, adds = accumulate](isize i) {
      const C d = Logarithm ? g[i] - math::exp(C(out[i])) * total : out[i] * (g[i] - total);
      to[i] = adds ? to[i] + d : d;
    });
  }
};

}  // namespace detail

/// The operation behind `softmax` and `log_softmax`.
template <bool Logarithm> struct softmax_op {
  static constexpr bool backward_ignores_inputs = true;
  static constexpr bool backward_reads_output = true;

  template <class S> constexpr S shape(const S& x) const { return x; }
  template <class S> constexpr double flops(const S& y, const S&) const { return 13.0 * double(y.size()); }
  template <class S> constexpr double backward_flops(const S& y, const S&) const {
    return (Logarithm ? 13.0 : 4.0) * double(y.size());
  }

  template <class D, class S> void forward(const tensor<D, S>& y, const tensor<D, S>& x) const {
    D::for_each(x.dims().leading(), 1,
                detail::softmax_kernel<typename D::scalar, Logarithm>{x.data(), y.data(), x.dims().last()});
  }
  template <class D, class S>
  void backward(const tensor<D, S>& dy, const tensor<D, S>& y, const tensor<D, S>&,
                const gradient_sink<D, S>& dx) const {
    using T = typename D::scalar;
    if (!dx) return;
    const auto to = dx.open();
    D::for_each(
        dy.dims().leading(), 1,
        detail::softmax_gradient_kernel<T, Logarithm>{dy.data(), y.data(), to.data, dy.dims().last(), to.beta != T(0)});
  }
};

/// exp(x_i) / sum_j exp(x_j) over the last axis, without overflow. A row of minus infinities has no answer: it gives
/// NaN.
template <value X> constexpr auto softmax(const X& x) { return apply(softmax_op<false>{}, x); }

/// The logarithm of `softmax`, precise where softmax rounds to 0.
template <value X> constexpr auto log_softmax(const X& x) { return apply(softmax_op<true>{}, x); }

}  // namespace multifuse
