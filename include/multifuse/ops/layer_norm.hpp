#pragma once
#include <cmath>
#include <string>

#include "../tape/apply.hpp"
#include "../tensor/row_reductions.hpp"

namespace multifuse {

namespace detail {

/// Scale and bias as a kernel sees them; the first `Count` of the two are there.
template <class T, std::size_t Count> struct layer_norm_weights {
  const T* each[2];
  MULTIFUSE_HD compute_type<T> scale(isize i) const {
    if constexpr (Count > 0)
      return each[0][i];
    else
      return 1;
  }
  MULTIFUSE_HD compute_type<T> bias(isize i) const {
    if constexpr (Count > 1)
      return each[1][i];
    else
      return 0;
  }
};

/// Two passes: the variance is the mean of squared distances from the mean, not a difference of large numbers.
template <class T, std::size_t Count> struct layer_norm_forward_kernel {
  static constexpr bool works_on_a_row = true;
  using C = compute_type<T>;
  const T* x;
  layer_norm_weights<T, Count> weights;
  T* y;
  C *mean, *inverse;  // per row
  isize width;
  C epsilon;
  MULTIFUSE_HD void operator()(isize row, isize) const { compute(row, one_worker()); }
  template <class Workers> MULTIFUSE_HD void compute(isize row, const Workers& workers) const {
    const T* in = x + row * width;
    T* out = y + row * width;
    const C m = workers.template sum<C>(width, [in](isize i) -> C { return in[i]; }) / C(width);
    const C squares = workers.template sum<C>(width, [in, m](isize i) { return (in[i] - m) * (in[i] - m); });
    const C r = C(1) / std::sqrt(squares / C(width) + epsilon);
    const auto w = weights;
    workers.each(width, [in, out, m, r, &w](isize i) { out[i] = (in[i] - m) * r * w.scale(i) + w.bias(i); });
    if (!workers.first()) return;
    mean[row] = m;
    inverse[row] = r;
  }
};

template <class T, std::size_t Count> struct layer_norm_input_kernel {
  static constexpr bool works_on_a_row = true;
  using C = compute_type<T>;
  const T *dy, *x;
  layer_norm_weights<T, Count> weights;
  const C *mean, *inverse;
  T* dx;
  isize width;
  bool accumulate;
  MULTIFUSE_HD void operator()(isize row, isize) const { compute(row, one_worker()); }
  template <class Workers> MULTIFUSE_HD void compute(isize row, const Workers& workers) const {
    const T *g = dy + row * width, *in = x + row * width;
    T* out = dx + row * width;
    const C m = mean[row], r = inverse[row];
    const auto w = weights;
    const C sum_g = workers.template sum<C>(width, [g, &w](isize i) { return g[i] * w.scale(i); }) / C(width);
    const C sum_gx =
        workers.template sum<C>(width, [g, in, m, &w](isize i) { return g[i] * w.scale(i) * (in[i] - m); }) * r / C(width);
    workers.each(width, [=, &w, adds = accumulate](isize i) {
      const C d = r * (g[i] * w.scale(i) - sum_g - (in[i] - m) * r * sum_gx);
      out[i] = adds ? out[i] + d : d;
    });
  }
};

/// The terms of the scale's gradient before they are summed over rows.
template <class T> struct layer_norm_scale_kernel {
  const T *dy, *x;
  const compute_type<T>*mean, *inverse;
  T* terms;
  isize width;
  MULTIFUSE_HD void operator()(isize row, isize i) const {
    terms[row * width + i] = dy[row * width + i] * (x[row * width + i] - mean[row]) * inverse[row];
  }
};

}  // namespace detail

/// y = (x - mean) / sqrt(variance + epsilon) * scale + bias over the last axis. The bias, or both, may be left out.
/// `Where` names the layer in messages.
template <class Where> struct layer_norm_op {
  using shape_of_rows = multifuse::shape<samples<>>;
  double epsilon;

  template <class S, class... W> constexpr S shape(const S& x, const W&... weights) const {
    static_assert(sizeof...(W) <= 2, "multifuse: layer_norm takes x, a scale and a bias");
    static_assert(
        (extent_mismatch<Where, last_tag<S>, W::static_extents.back(), S::static_extents.back()>::value && ...),
        "multifuse: this layer expects another extent on this axis (read: layer, axis, expected, got)");
    (check(x, weights), ...);
    return x;
  }
  template <class S, class... Rest> constexpr double flops(const S& y, const Rest&...) const {
    return 8.0 * double(y.size());
  }

  /// Mean and inverse deviation of each row.
  template <class D> struct statistics {
    using numbers = tensor<compute_device<D>, shape_of_rows>;
    numbers mean, inverse;
  };

  template <class D, class S, class... W>
  auto forward(const tensor<D, S>& y, const tensor<D, S>& x, const tensor<D, W>&... weights) const {
    using T = typename D::scalar;
    const shape_of_rows rows_of_x(x.dims().leading());
    using numbers = typename statistics<D>::numbers;
    statistics<D> state{numbers(rows_of_x), numbers(rows_of_x)};
    D::for_each(rows_of_x.size(), 1,
                detail::layer_norm_forward_kernel<T, sizeof...(W)>{x.data(),
                                                                   {{weights.data()...}},
                                                                   y.data(),
                                                                   state.mean.data(),
                                                                   state.inverse.data(),
                                                                   x.dims().last(),
                                                                   compute_type<T>(epsilon)});
    return state;
  }

  template <class D, class S>
  void backward(const tensor<D, S>& dy, const tensor<D, S>&, const statistics<D>& state, const tensor<D, S>& x,
                const gradient_sink<D, S>& dx) const {
    to_input(dy, state, x, dx);
  }
  template <class D, class S, class W>
  void backward(const tensor<D, S>& dy, const tensor<D, S>&, const statistics<D>& state, const tensor<D, S>& x,
                const tensor<D, W>& scale, const gradient_sink<D, S>& dx, const gradient_sink<D, W>& dscale) const {
    to_scale(dy, state, x, dscale);
    to_input(dy, state, x, dx, scale);
  }
  template <class D, class S, class W, class B>
  void backward(const tensor<D, S>& dy, const tensor<D, S>&, const statistics<D>& state, const tensor<D, S>& x,
                const tensor<D, W>& scale, const tensor<D, B>&, const gradient_sink<D, S>& dx,
                const gradient_sink<D, W>& dscale, const gradient_sink<D, B>& dbias) const {
    if (dbias) {
      const auto to = dbias.open();
      D::sum(1, x.dims().leading(), x.dims().last(), dy.data(), to.beta, to.data);
    }
    to_scale(dy, state, x, dscale);
    to_input(dy, state, x, dx, scale);
  }

 private:
  template <class S, class W> static constexpr void check(const S& x, const W& weight) {
    static_assert(W::rank == 1, "multifuse: scale and bias of a layer norm have one axis");
    if (x.last() != weight.last())
      throw shape_error("layer_norm", "wrong extent of the last axis of " + x.to_string(),
                        std::to_string(weight.last()), std::to_string(x.last()));
  }

  template <class D, class S, class W>
  static void to_scale(const tensor<D, S>& dy, const statistics<D>& state, const tensor<D, S>& x,
                       const gradient_sink<D, W>& dscale) {
    if (!dscale) return;
    const isize count = x.dims().leading(), width_of_row = x.dims().last();
    const tensor<D, S> terms(x.dims());
    D::for_each(count, width_of_row,
                detail::layer_norm_scale_kernel<typename D::scalar>{dy.data(), x.data(), state.mean.data(),
                                                                    state.inverse.data(), terms.data(), width_of_row});
    const auto to = dscale.open();
    D::sum(1, count, width_of_row, terms.data(), to.beta, to.data);
  }
  template <class D, class S, class... W>
  static void to_input(const tensor<D, S>& dy, const statistics<D>& state, const tensor<D, S>& x,
                       const gradient_sink<D, S>& dx, const tensor<D, W>&... scale) {
    using T = typename D::scalar;
    if (!dx) return;
    const auto to = dx.open();
    D::for_each(x.dims().leading(), 1,
                detail::layer_norm_input_kernel<T, sizeof...(W)>{dy.data(),
                                                                 x.data(),
                                                                 {{scale.data()...}},
                                                                 state.mean.data(),
                                                                 state.inverse.data(),
                                                                 to.data,
                                                                 x.dims().last(),
                                                                 to.beta != T(0)});
  }
};

/// Layer normalization without weights: (x - mean) / sqrt(variance + epsilon) of each row of the last axis.
template <value X> constexpr auto standardize(const X& x, double epsilon = 1e-5) {
  return apply(layer_norm_op<struct standardized_rows>{epsilon}, x);
}

}  // namespace multifuse
