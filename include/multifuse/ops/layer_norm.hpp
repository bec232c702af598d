#pragma once
#include <cmath>

#include "../tape/apply.hpp"

namespace multifuse {

namespace detail {

template <class T> struct layer_norm_forward_kernel {
  const T *x, *scale, *bias;
  T *y, *mean, *inverse;  // per row
  isize width;
  T epsilon;
  MULTIFUSE_HD void operator()(isize row, isize) const {
    const T* in = x + row * width;
    T* out = y + row * width;
    T total = 0;
    for (isize i = 0; i < width; ++i) total += in[i];
    const T m = total / T(width);
    T squares = 0;
    for (isize i = 0; i < width; ++i) squares += (in[i] - m) * (in[i] - m);
    const T r = T(1) / std::sqrt(squares / T(width) + epsilon);
    for (isize i = 0; i < width; ++i) out[i] = (in[i] - m) * r * scale[i] + bias[i];
    mean[row] = m;
    inverse[row] = r;
  }
};

template <class T> struct layer_norm_input_kernel {
  const T *dy, *x, *scale, *mean, *inverse;
  T* dx;
  isize width;
  bool accumulate;
  MULTIFUSE_HD void operator()(isize row, isize) const {
    const T *g = dy + row * width, *in = x + row * width;
    T* out = dx + row * width;
    const T m = mean[row], r = inverse[row];
    T sum_g = 0, sum_gx = 0;
    for (isize i = 0; i < width; ++i) {
      const T gs = g[i] * scale[i];
      sum_g += gs;
      sum_gx += gs * (in[i] - m) * r;
    }
    sum_g /= T(width);
    sum_gx /= T(width);
    for (isize i = 0; i < width; ++i) {
      const T d = r * (g[i] * scale[i] - sum_g - (in[i] - m) * r * sum_gx);
      out[i] = accumulate ? out[i] + d : d;
    }
  }
};

/// The terms of the scale's gradient before they are summed over rows.
template <class T> struct layer_norm_scale_kernel {
  const T *dy, *x, *mean, *inverse;
  T* terms;
  isize width;
  MULTIFUSE_HD void operator()(isize row, isize i) const {
    terms[row * width + i] = dy[row * width + i] * (x[row * width + i] - mean[row]) * inverse[row];
  }
};

}  // namespace detail

/// y = (x - mean) / sqrt(variance + epsilon) * scale + bias over the last axis. `Where` names the layer in messages.
template <class Where> struct layer_norm_op {
  using shape_of_rows = multifuse::shape<samples<>>;
  double epsilon;

  template <class S, class W, class B> constexpr S shape(const S& x, const W& scale, const B&) const {
    static_assert(extent_mismatch<Where, last_tag<S>, W::static_extents[0], S::static_extents.back()>::value,
                  "multifuse: this layer expects another extent on this axis (read: layer, axis, expected, got)");
    if (S::static_extents.back() == dynamic && x.last() != scale.last())
      throw shape_error("layer_norm", "wrong extent of the last axis of " + x.to_string(), std::to_string(scale.last()),
                        std::to_string(x.last()));
    return x;
  }
  template <class S, class... Rest> constexpr double flops(const S& y, const Rest&...) const {
    return 8.0 * double(y.size());
  }

  /// Mean and inverse deviation of each row.
  template <class D> struct statistics {
    tensor<D, shape_of_rows> mean, inverse;
  };

  template <class D, class S, class W, class B>
  auto forward(const tensor<D, S>& y, const tensor<D, S>& x, const tensor<D, W>& scale, const tensor<D, B>& bias) const {
    using T = typename D::scalar;
    const shape_of_rows rows_of_x(x.dims().leading());
    statistics<D> state{tensor<D, shape_of_rows>(rows_of_x), tensor<D, shape_of_rows>(rows_of_x)};
    D::for_each(x.dims().leading(), 1,
                detail::layer_norm_forward_kernel<T>{x.data(), scale.data(), bias.data(), y.data(), state.mean.data(),
                                                     state.inverse.data(), x.dims().last(), T(epsilon)});
    return state;
  }

  template <class D, class S, class W, class B>
  void backward(const tensor<D, S>& dy, const tensor<D, S>&, const statistics<D>& state, const tensor<D, S>& x,
                const tensor<D, W>& scale, const tensor<D, B>&, const gradient_sink<D, S>& dx,
                const gradient_sink<D, W>& dscale, const gradient_sink<D, B>& dbias) const {
    using T = typename D::scalar;
    const isize count = x.dims().leading(), width_of_row = x.dims().last();
    if (dbias) {
      const auto to = dbias.open();
      D::sum(1, count, width_of_row, dy.data(), to.beta, to.data);
    }
    if (dscale) {
      tensor<D, S> terms(x.dims());
      D::for_each(count, width_of_row,
                  detail::layer_norm_scale_kernel<T>{dy.data(), x.data(), state.mean.data(), state.inverse.data(),
                                                     terms.data(), width_of_row});
      const auto to = dscale.open();
      D::sum(1, count, width_of_row, terms.data(), to.beta, to.data);
    }
    if (dx) {
      const auto to = dx.open();
      D::for_each(count, 1,
                  detail::layer_norm_input_kernel<T>{dy.data(), x.data(), scale.data(), state.mean.data(),
                                                     state.inverse.data(), to.data, width_of_row, to.beta != T(0)});
    }
  }
};

}  // namespace multifuse
