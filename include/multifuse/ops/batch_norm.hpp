#pragma once
#include <cmath>

#include "copy_rows.hpp"

namespace multifuse {

/// What batch normalization adds to the variance, and how fast running statistics follow the batches.
struct batch_norm_options {
  double epsilon = 1e-5;
  double momentum = 0.1;
};

namespace detail {

template <class T> struct batch_norm_square_kernel {
  using C = compute_type<T>;
  const T* x;
  const C* sums;
  T* squares;
  isize width;
  C inverse_rows;
  MULTIFUSE_HD void operator()(isize row, isize i) const {
    const C d = x[row * width + i] - sums[i] * inverse_rows;
    squares[row * width + i] = d * d;
  }
};

template <class T> struct batch_norm_statistics_kernel {
  using C = compute_type<T>;
  const C *sums, *squares;
  C *mean, *inverse;
  T *running_mean, *running_variance;
  C rows, epsilon, momentum;
  MULTIFUSE_HD void operator()(isize, isize i) const {
    mean[i] = sums[i] / rows;
    inverse[i] = C(1) / std::sqrt(squares[i] / rows + epsilon);
    running_mean[i] = running_mean[i] + momentum * (mean[i] - running_mean[i]);
    const C unbiased = squares[i] / (rows - C(1));
    running_variance[i] = running_variance[i] + momentum * (unbiased - running_variance[i]);
  }
};

template <class T> struct batch_norm_running_kernel {
  using C = compute_type<T>;
  const T *running_mean, *running_variance;
  C *mean, *inverse;
  C epsilon;
  MULTIFUSE_HD void operator()(isize, isize i) const {
    mean[i] = running_mean[i];
    inverse[i] = C(1) / std::sqrt(running_variance[i] + epsilon);
  }
};

template <class T> struct batch_norm_normalize_kernel {
  const T* x;
  const compute_type<T>*mean, *inverse;
  const T *scale, *bias;
  T* y;
  isize width;
  MULTIFUSE_HD void operator()(isize row, isize i) const {
    y[row * width + i] = (x[row * width + i] - mean[i]) * inverse[i] * scale[i] + bias[i];
  }
};

template <class T> struct batch_norm_product_kernel {
  const T *dy, *x;
  const compute_type<T>*mean, *inverse;
  T* products;
  isize width;
  MULTIFUSE_HD void operator()(isize row, isize i) const {
    products[row * width + i] = dy[row * width + i] * (x[row * width + i] - mean[i]) * inverse[i];
  }
};

template <class T> struct batch_norm_input_kernel {
  using C = compute_type<T>;
  const T *dy, *x;
  const C *mean, *inverse;
  const T* scale;
  const C *sum_g, *sum_gx;
  T* dx;
  isize width;
  C share;  // of each row in the statistics: 0 where they are constants
  bool accumulate;
  MULTIFUSE_HD void operator()(isize row, isize i) const {
    const isize at = row * width + i;
    const C normalized = (x[at] - mean[i]) * inverse[i];
    const C d = scale[i] * inverse[i] * (dy[at] - share * (sum_g[i] + normalized * sum_gx[i]));
    dx[at] = accumulate ? dx[at] + d : d;
  }
};

}  // namespace detail

/// The operation behind `batch_norm`. In training, statistics are the batch's, and a part of the result's gradient; the
/// running ones move towards them. In evaluation they are the running ones.
template <class Where> struct batch_norm_op {
  using numbers = multifuse::shape<samples<>>;
  batch_norm_options options;
  bool training;

  template <class S, class W, class... Rest> constexpr S shape(const S& x, const W& scale, const Rest&...) const {
    static_assert(extent_mismatch<Where, last_tag<S>, W::static_extents[0], S::static_extents.back()>::value,
                  "multifuse: this layer expects another extent on this axis (read: layer, axis, expected, got)");
    if (S::static_extents.back() == dynamic && x.last() != scale.last())
      throw shape_error("batch_norm", "wrong extent of the last axis of " + x.to_string(), std::to_string(scale.last()),
                        std::to_string(x.last()));
    return x;
  }
  template <class S, class... Rest> constexpr double flops(const S& y, const Rest&...) const {
    return 6.0 * double(y.size());
  }

  /// Mean and inverse deviation of each feature.
  template <class D> using computed = tensor<compute_device<D>, numbers>;
  template <class D> struct statistics { computed<D> mean, inverse; };

  template <class D, class S, class W>
  auto forward(const tensor<D, S>& y, const tensor<D, S>& x, const tensor<D, W>& scale, const tensor<D, W>& bias,
               const tensor<D, W>& running_mean, const tensor<D, W>& running_variance) const {
    using T = typename D::scalar;
    using C = compute_type<T>;
    const isize rows = x.dims().leading(), width = x.dims().last();
    if (training && rows < 2)
      throw shape_error("batch_norm", "a batch of one row has no variance", "at least 2 rows", std::to_string(rows));
    statistics<D> state{computed<D>(numbers(width)), computed<D>(numbers(width))};
    if (training) {
      const computed<D> sums(numbers{width}), squares(numbers{width});
      const tensor<D, S> centered(x.dims());
      D::sum(1, rows, width, x.data(), T(0), sums.data());
      D::for_each(rows, width,
                  detail::batch_norm_square_kernel<T>{x.data(), sums.data(), centered.data(), width, C(1) / C(rows)});
      D::sum(1, rows, width, centered.data(), T(0), squares.data());
      D::for_each(1, width,
                  detail::batch_norm_statistics_kernel<T>{
                      sums.data(), squares.data(), state.mean.data(), state.inverse.data(), running_mean.data(),
                      running_variance.data(), C(rows), C(options.epsilon), C(options.momentum)});
    } else {
      D::for_each(1, width,
                  detail::batch_norm_running_kernel<T>{running_mean.data(), running_variance.data(), state.mean.data(),
                                                       state.inverse.data(), C(options.epsilon)});
    }
    D::for_each(rows, width,
                detail::batch_norm_normalize_kernel<T>{x.data(), state.mean.data(), state.inverse.data(), scale.data(),
                                                       bias.data(), y.data(), width});
    return state;
  }

  template <class D, class S, class W>
  void backward(const tensor<D, S>& dy, const tensor<D, S>&, const statistics<D>& state, const tensor<D, S>& x,
                const tensor<D, W>& scale, const tensor<D, W>&, const tensor<D, W>&, const tensor<D, W>&,
                const gradient_sink<D, S>& dx, const gradient_sink<D, W>& dscale, const gradient_sink<D, W>& dbias,
                const gradient_sink<D, W>&, const gradient_sink<D, W>&) const {
    using T = typename D::scalar;
    using C = compute_type<T>;
    const isize rows = x.dims().leading(), width = x.dims().last();
    const computed<D> sum_g(numbers{width}), sum_gx(numbers{width});
    D::sum(1, rows, width, dy.data(), T(0), sum_g.data());
    {
      const tensor<D, S> products(x.dims());
      D::for_each(rows, width,
                  detail::batch_norm_product_kernel<T>{dy.data(), x.data(), state.mean.data(), state.inverse.data(),
                                                       products.data(), width});
      D::sum(1, rows, width, products.data(), T(0), sum_gx.data());
    }
    if (dscale) add_sums<D>(sum_gx, dscale);
    if (dbias) add_sums<D>(sum_g, dbias);
    if (dx) {
      const auto to = dx.open();
      D::for_each(rows, width,
                  detail::batch_norm_input_kernel<T>{dy.data(), x.data(), state.mean.data(), state.inverse.data(),
                                                     scale.data(), sum_g.data(), sum_gx.data(), to.data, width,
                                                     training ? C(1) / C(rows) : C(0), to.beta != T(0)});
    }
  }

 private:
  template <class D, class W> static void add_sums(const computed<D>& sums, const gradient_sink<D, W>& sink) {
    using T = typename D::scalar;
    const auto to = sink.open();
    D::for_each(1, sums.size(),
                detail::copy_rows_kernel<T, compute_type<T>>{sums.data(), 0, to.data, 0, to.beta != T(0)});
  }
};

}  // namespace multifuse
