#pragma once
#include <cmath>
#include <string>

#include "../tape/apply.hpp"
#include "../tensor/row_reductions.hpp"

namespace multifuse {

namespace detail {

template <class T> struct normalize_kernel {
  static constexpr bool works_on_a_row = true;
  using C = compute_type<T>;
  const T* x;
  T* y;
  C* norms;
  isize width;
  C epsilon;
  MULTIFUSE_HD void operator()(isize row, isize) const { compute(row, one_worker()); }
  template <class Workers> MULTIFUSE_HD void compute(isize row, const Workers& workers) const {
    const T* in = x + row * width;
    T* out = y + row * width;
    const C norm = std::sqrt(workers.template sum<C>(width, [in](isize i) { return in[i] * in[i]; }));
    const C inverse = C(1) / (norm < epsilon ? epsilon : norm);
    workers.each(width, [in, out, inverse](isize i) { out[i] = in[i] * inverse; });
    if (workers.first()) norms[row] = norm;
  }
};

/// dx = (dy - y (y . dy)) / norm; where epsilon took the norm's place, y is linear in x: dx = dy / epsilon.
template <class T> struct normalize_gradient_kernel {
  static constexpr bool works_on_a_row = true;
  using C = compute_type<T>;
  const T *dy, *y;
  const C* norms;
  T* dx;
  isize width;
  C epsilon;
  bool accumulate;
  MULTIFUSE_HD void operator()(isize row, isize) const { compute(row, one_worker()); }
  template <class Workers> MULTIFUSE_HD void compute(isize row, const Workers& workers) const {
    const T *g = dy + row * width, *out = y + row * width;
    T* to = dx + row * width;
    const bool linear = norms[row] < epsilon;
    const C inverse = C(1) / (linear ? epsilon : norms[row]);
    const C along = linear ? C(0) : workers.template sum<C>(width, [g, out](isize i) { return g[i] * out[i]; });
    workers.each(width, [g, out, to, along, inverse, adds = accumulate](isize i) {
      const C d = (g[i] - out[i] * along) * inverse;
      to[i] = adds ? to[i] + d : d;
    });
  }
};

}  // namespace detail

/// The operation behind `l2_normalize`.
struct l2_normalize_op {
  static constexpr bool backward_ignores_inputs = true;
  static constexpr bool backward_reads_output = true;
  using norms_shape = multifuse::shape<samples<>>;
  double epsilon;

  template <class S> constexpr S shape(const S& x) const { return x; }
  template <class S> constexpr double flops(const S& y, const S&) const { return 3.0 * double(y.size()); }

  template <class D> using norms_of_rows = tensor<compute_device<D>, norms_shape>;

  /// Returns the norm of each row.
  template <class D, class S> norms_of_rows<D> forward(const tensor<D, S>& y, const tensor<D, S>& x) const {
    using T = typename D::scalar;
    norms_of_rows<D> norms(norms_shape(x.dims().leading()));
    D::for_each(
        x.dims().leading(), 1,
        detail::normalize_kernel<T>{x.data(), y.data(), norms.data(), x.dims().last(), compute_type<T>(epsilon)});
    return norms;
  }
  template <class D, class S>
  void backward(const tensor<D, S>& dy, const tensor<D, S>& y, const norms_of_rows<D>& norms, const tensor<D, S>&,
                const gradient_sink<D, S>& dx) const {
    using T = typename D::scalar;
    if (!dx) return;
    const auto to = dx.open();
    D::for_each(dy.dims().leading(), 1,
                detail::normalize_gradient_kernel<T>{dy.data(), y.data(), norms.data(), to.data, dy.dims().last(),
                                                     compute_type<T>(epsilon), to.beta != T(0)});
  }
};

/// x / max(|x|, epsilon) with the Euclidean norm over the last axis: rows of length 1, except those shorter than
/// epsilon. Throws argument_error unless epsilon is a positive number.
template <value X> constexpr auto l2_normalize(const X& x, double epsilon = 1e-12) {
  if (!(epsilon > 0))
    throw argument_error("l2_normalize", "unusable epsilon", "a positive number", std::to_string(epsilon));
  return apply(l2_normalize_op{epsilon}, x);
}

}  // namespace multifuse
