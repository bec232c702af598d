#pragma once
#include "../core/math.hpp"
#include "loss.hpp"

namespace multifuse {

namespace detail {

/// Target of a class from labels or given ones, smoothed: on * target + off.
template <class T> struct hard_targets {
  const std::int32_t* labels;
  using C = compute_type<T>;
  C on, off;
  MULTIFUSE_HD bool valid(isize row, isize classes) const { return labels[row] >= 0 && labels[row] < classes; }
  MULTIFUSE_HD C at(isize row, isize column, isize) const { return column == labels[row] ? on + off : off; }
};
template <class T> struct soft_targets {
  const T* targets;
  using C = compute_type<T>;
  C on, off;
  MULTIFUSE_HD bool valid(isize, isize) const { return true; }
  MULTIFUSE_HD C at(isize row, isize column, isize classes) const { return on * targets[row * classes + column] + off; }
};

template <class T, class Targets> struct cross_entropy_kernel {
  static constexpr bool works_on_a_row = true;
  using C = compute_type<T>;
  const T* logits;
  isize classes;
  Targets targets;
  row_factors<T> factors;
  C *losses, *log_sums, *masses;  // of each row
  C refused;                      // what tells the caller of logits or labels that cannot be used

  MULTIFUSE_HD void operator()(isize row, isize) const {
    const T* const x = logits + row * classes;
    C most = x[0];
    for (isize c = 1; c < classes; ++c) most = x[c] > most ? C(x[c]) : most;
    C sum = 0, distance = 0, mass = 0, poison = 0;
    for (isize c = 0; c < classes; ++c) {
      const C target = targets.at(row, c, classes);
      sum += math::exp(x[c] - most);
      distance += target * (most - x[c]);
      mass += target;
      poison += C(0) * x[c];  // 0, or NaN if any logit is NaN or infinite
    }
    log_sums[row] = most + std::log(sum);
    masses[row] = mass;
    losses[row] = factors.of(row) * (targets.valid(row, classes) ? distance + mass * std::log(sum) + poison : refused);
  }
};

template <class T, class Targets> struct cross_entropy_back_kernel {
  using C = compute_type<T>;
  const T* logits;
  isize classes;
  Targets targets;
  row_factors<T> factors;
  const C *log_sums, *masses;
  const T* loss_gradient;
  T* gradient;
  bool accumulate;

  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const isize place = row * classes + column;
    const C probability = math::exp(logits[place] - log_sums[row]);
    const C d = loss_gradient[0] * factors.of(row) * (masses[row] * probability - targets.at(row, column, classes));
    gradient[place] = accumulate ? gradient[place] + d : d;
  }
};

}  // namespace detail

/// Label smoothing: targets become (1 - smoothing) y + smoothing / classes.
struct cross_entropy_options {
  double smoothing = 0;
};

/// The operation behind `cross_entropy`.
struct cross_entropy_op {
  static constexpr std::string_view name = "cross_entropy";
  cross_entropy_options options;

  template <class S, class Q, class... W>
  constexpr scalar_shape shape(const S& logits, const Q& targets, const W&... weights) const {
    if (!(options.smoothing >= 0 && options.smoothing <= 1))
      throw argument_error(name, "unusable label smoothing", "a number in [0, 1]", std::to_string(options.smoothing));
    if constexpr (Q::rank == S::rank)
      detail::require_equal<cross_entropy_op>(logits, targets);
    else
      detail::require_equal<cross_entropy_op>(detail::rows_of(logits), targets);
    (detail::require_equal<cross_entropy_op>(detail::rows_of(logits), weights), ...);
    return {};
  }
  constexpr double flops(const scalar_shape&, const auto& logits, const auto&...) const {
    return 18.0 * double(logits.size());
  }
  constexpr double backward_flops(const scalar_shape&, const auto& logits, const auto&...) const {
    return 15.0 * double(logits.size());
  }

  /// Of each row: logarithm of the sum of exponentials, sum of targets.
  template <class D> struct state {
    tensor<compute_device<D>, multifuse::shape<samples<>>> log_sums, masses;
    detail::row_factors<typename D::scalar> factors;
  };

  template <class D, class S, class DQ, class Q, class... W>
  state<D> forward(const tensor<D, scalar_shape>& y, const tensor<D, S>& logits, const tensor<DQ, Q>& targets,
                   const tensor<D, W>&... weights) const {
    using T = typename D::scalar;
    using numbers = tensor<compute_device<D>, multifuse::shape<samples<>>>;
    const isize rows = logits.dims().leading(), classes = logits.dims().last();
    const multifuse::shape<samples<>> each(rows);
    const numbers losses(each);
    const state<D> kept{numbers(each), numbers(each), detail::factors_of<D>(name, rows, 1, weights...)};
    const auto target = targets_of<T>(targets, classes);
    D::for_each(rows, 1,
                detail::cross_entropy_kernel<T, std::remove_const_t<decltype(target)>>{
                    logits.data(), classes, target, kept.factors, losses.data(), kept.log_sums.data(),
                    kept.masses.data(), std::numeric_limits<compute_type<T>>::quiet_NaN()});
    if (!detail::sum_rows(y, losses)) {
      detail::refuse_not_finite(name, "logit", logits);
      if constexpr (Q::rank == S::rank)
        detail::refuse_not_finite(name, "target", targets);
      else
        detail::refuse_outside(name, "label", targets, classes);
    }
    return kept;
  }

  template <class D, class S, class DQ, class Q>
  void backward(const tensor<D, scalar_shape>& dy, const tensor<D, scalar_shape>&, const state<D>& kept,
                const tensor<D, S>& logits, const tensor<DQ, Q>& targets, const gradient_sink<D, S>& dlogits,
                const auto&) const {
    if (!dlogits) return;
    using T = typename D::scalar;
    const isize classes = logits.dims().last();
    const auto target = targets_of<T>(targets, classes);
    const auto to = dlogits.open();
    D::for_each(logits.dims().leading(), classes,
                detail::cross_entropy_back_kernel<T, std::remove_const_t<decltype(target)>>{
                    logits.data(), classes, target, kept.factors, kept.log_sums.data(), kept.masses.data(), dy.data(),
                    to.data, to.beta != T(0)});
  }
  template <class D, class S, class Q, class W>
  void backward(const tensor<D, scalar_shape>& dy, const tensor<D, scalar_shape>& y, const state<D>& kept,
                const tensor<D, S>& logits, const Q& targets, const tensor<D, W>&, const gradient_sink<D, S>& dlogits,
                const auto& dtargets, const auto&) const {
    backward(dy, y, kept, logits, targets, dlogits, dtargets);
  }

 private:
  template <class T, class DQ, class Q> auto targets_of(const tensor<DQ, Q>& targets, isize classes) const {
    const auto on = compute_type<T>(1 - options.smoothing), off = compute_type<T>(options.smoothing / double(classes));
    if constexpr (std::is_same_v<typename DQ::scalar, std::int32_t>)
      return detail::hard_targets<T>{targets.data(), on, off};
    else
      return detail::soft_targets<T>{targets.data(), on, off};
  }
};

/// Softmax cross-entropy, the mean over rows of -sum_c target_c log softmax(logits)_c. Logits [batch, ..., classes];
/// targets are 32-bit integer labels [batch, ...] or numbers [batch, ..., classes], which need not sum to 1 (Szegedy et
/// al. 2016 for the smoothing in the options). No gradient goes to the targets. Throws argument_error for logits or
/// targets that are NaN or infinite and for a label outside 0 ... classes - 1.
template <value X, value Q>
requires targets_for<detail::shape_of_t<Q>, detail::shape_of_t<X>>
constexpr auto cross_entropy(const X& logits, const Q& targets, cross_entropy_options options = {}) {
  return apply(cross_entropy_op{options}, logits, detail::constant(targets));
}
/// Likewise as a mean weighted by weights [batch, ...]. Throws argument_error unless their sum is positive.
template <value X, value Q, value W>
requires targets_for<detail::shape_of_t<Q>, detail::shape_of_t<X>> &&
    weights_for<detail::shape_of_t<W>, detail::shape_of_t<X>>
constexpr auto cross_entropy(const X& logits, const Q& targets, const W& weights, cross_entropy_options options = {}) {
  return apply(cross_entropy_op{options}, logits, detail::constant(targets), detail::constant(weights));
}

}  // namespace multifuse
