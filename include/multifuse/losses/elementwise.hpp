#pragma once
#include "loss.hpp"

namespace multifuse {

/// How a loss of many elements becomes one number: the mean over all of them, or the sum over the last axis averaged
/// over the rest.
enum class reduction { mean, sum_over_last_axis };

namespace detail {

template <class F, class T> struct elementwise_kernel {
  static constexpr bool works_on_a_row = true;
  using C = compute_type<T>;
  const T *predictions, *targets;
  isize columns;
  C on, off;  // of the targets
  row_factors<T> factors;
  C* losses;
  MULTIFUSE_HD void operator()(isize row, isize) const {
    C sum = 0;
    for (isize c = 0; c < columns; ++c)
      sum += F::value(C(predictions[row * columns + c]), on * targets[row * columns + c] + off);
    losses[row] = factors.of(row) * sum;
  }
};

template <class F, class T> struct elementwise_back_kernel {
  using C = compute_type<T>;
  const T *predictions, *targets;
  isize columns;
  C on, off, sign;
  row_factors<T> factors;
  const T* loss_gradient;
  T* gradient;
  bool accumulate;
  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const isize place = row * columns + column;
    const C d = sign * loss_gradient[0] * factors.of(row) * F::slope(C(predictions[place]), on * targets[place] + off);
    gradient[place] = accumulate ? gradient[place] + d : d;
  }
};

}  // namespace detail

/// The operation behind losses that compare predictions and targets element by element. F has a `name` and a name for
/// its `input`, `flops`, `value(x, y)`, `slope(x, y)` with respect to x, and `symmetric` if that is minus the slope
/// with respect to y; `in_range(x)` and `range` if it does not take all numbers. Targets become (1 - smoothing) y +
/// smoothing / n with n elements in the last axis.
template <class F> struct elementwise_loss_op {
  static constexpr std::string_view name = F::name;
  reduction reduce;
  double smoothing;

  template <class S, class Q, class... W>
  constexpr scalar_shape shape(const S& x, const Q& targets, const W&... weights) const {
    if (!(smoothing >= 0 && smoothing <= 1))
      throw argument_error(name, "unusable label smoothing", "a number in [0, 1]", std::to_string(smoothing));
    detail::require_equal<elementwise_loss_op>(x, targets);
    (detail::require_equal<elementwise_loss_op>(detail::rows_of(x), weights), ...);
    return {};
  }
  constexpr double flops(const scalar_shape&, const auto& x, const auto&...) const {
    return F::flops * double(x.size());
  }
  constexpr double backward_flops(const scalar_shape&, const auto& x, const auto&...) const {
    return F::flops * double(x.size());
  }

  template <class D, class S, class Q, class... W, class T = typename D::scalar>
  detail::row_factors<T> forward(const tensor<D, scalar_shape>& y, const tensor<D, S>& x, const tensor<D, Q>& targets,
                                 const tensor<D, W>&... weights) const {
    const isize rows = x.dims().leading(), columns = x.dims().last();
    using C = compute_type<T>;
    const tensor<compute_device<D>, multifuse::shape<samples<>>> losses{multifuse::shape<samples<>>(rows)};
    const auto factors =
        detail::factors_of<D>(name, rows, reduce == reduction::mean ? double(columns) : 1.0, weights...);
    D::for_each(rows, 1,
                detail::elementwise_kernel<F, T>{x.data(), targets.data(), columns, C(1 - smoothing),
                                                 C(smoothing / double(columns)), factors, losses.data()});
    if (!detail::sum_rows(y, losses)) {
      detail::refuse_not_finite(name, F::input, x);
      detail::refuse_not_finite(name, "target", targets);
      if constexpr (requires { F::range; }) refuse_range(x);
    }
    return factors;
  }

  template <class D, class S, class Q, class T>
  void backward(const tensor<D, scalar_shape>& dy, const tensor<D, scalar_shape>&,
                const detail::row_factors<T>& factors, const tensor<D, S>& x, const tensor<D, Q>& targets,
                const gradient_sink<D, S>& dx, const gradient_sink<D, Q>& dtargets) const {
    using C = compute_type<T>;
    const auto push = [&](const auto& sink, C sign) {
      if (!sink) return;
      const isize columns = x.dims().last();
      const auto to = sink.open();
      D::for_each(x.dims().leading(), columns,
                  detail::elementwise_back_kernel<F, T>{x.data(), targets.data(), columns, C(1 - smoothing),
                                                        C(smoothing / double(columns)), sign, factors, dy.data(),
                                                        to.data, to.beta != T(0)});
    };
    push(dx, C(1));
    if constexpr (requires { F::symmetric; }) push(dtargets, C(-1));
  }
  template <class D, class S, class Q, class W, class T>
  void backward(const tensor<D, scalar_shape>& dy, const tensor<D, scalar_shape>& y,
                const detail::row_factors<T>& factors, const tensor<D, S>& x, const tensor<D, Q>& targets,
                const tensor<D, W>&, const gradient_sink<D, S>& dx, const gradient_sink<D, Q>& dtargets,
                const auto&) const {
    backward(dy, y, factors, x, targets, dx, dtargets);
  }

 private:
  template <class D, class S> static void refuse_range(const tensor<D, S>& x) {
    const auto values = x.to_host();
    for (isize i = 0; i < x.size(); ++i)
      if (const double value = double(values[std::size_t(i)]); !F::in_range(value))
        throw argument_error(name, std::string(F::input) + " out of range at " + detail::place_of(x.dims(), i),
                             std::string(F::range), std::to_string(value));
  }
};

}  // namespace multifuse
