#pragma once
#include <cmath>
#include <limits>

#include "../ops/axes.hpp"
#include "../ops/copy_rows.hpp"
#include "../ops/refuse.hpp"

/// What losses share: constant operands, checks of their shapes, sample weights, and the sum over rows.
namespace multifuse {

/// The message of targets that do not belong to predictions: they have the same axes, or all but the last.
template <class Targets, class Predictions>
concept targets_for = same_axes_in_order<Predictions, Targets> ||
    same_axes_in_order<exchange_axis<Predictions, last_tag<Predictions>>, Targets>;

/// The message of weights that do not belong to predictions: one for each row, so all axes but the last.
template <class Weights, class Predictions>
concept weights_for = same_axes_in_order<exchange_axis<Predictions, last_tag<Predictions>>, Weights>;

namespace detail {

/// An operand without a gradient: labels, targets and weights are data.
template <value X> constexpr auto constant(const X& x) {
  if constexpr (requires { evaluate(x); })
    return no_grad(evaluate(x));
  else
    return plain_tensor(x);
}

/// The shape without its last axis.
template <class S> constexpr auto rows_of(const S& shape) {
  using R = exchange_axis<S, last_tag<S>>;
  std::array<isize, R::rank> extents{};
  for (std::size_t i = 0; i != R::rank; ++i) extents[i] = shape[i];
  return R::from(extents);
}

/// Refuses a second operand whose extents differ from the first one's; their axes are the same.
template <class Where, class... A, class... B>
constexpr void require_equal(const shape<A...>& expected, const shape<B...>& got) {
  static_assert((extent_mismatch<Where, typename A::tag, A::extent, B::extent>::value && ...),
                "multifuse: the operands of a loss disagree (read: loss, axis, expected, got)");
  for (std::size_t i = 0; i != sizeof...(A); ++i)
    if (expected[i] != got[i])
      throw shape_error(Where::name, "operands disagree on the " + std::string(expected.names()[i]) + " axis",
                        std::to_string(expected[i]), std::to_string(got[i]));
}

/// What the loss of a row counts: one share of the mean, or its weight's share of all weights.
template <class T> struct row_factors {
  const T* weights;  // null: all the same
  compute_type<T> scale;
  MULTIFUSE_HD compute_type<T> of(isize row) const { return weights ? weights[row] * scale : scale; }
};

/// The factors of a mean over rows, `divisor` terms in each. Throws argument_error unless the weights have a positive
/// sum.
template <class D, class T = typename D::scalar>
row_factors<T> factors_of(std::string_view, isize rows, double divisor) {
  return {nullptr, compute_type<T>(1.0 / (double(rows) * divisor))};
}
template <class D, class S, class T = typename D::scalar>
row_factors<T> factors_of(std::string_view where, isize rows, double divisor, const tensor<D, S>& weights) {
  using E = compute_device<D>;
  using C = typename E::scalar;
  const tensor<E, shape<>> total{shape<>{}};
  D::sum(1, rows, 1, weights.data(), C(0), total.data());
  C sum = 0;
  E::copy_to_host(&sum, total.data(), 1);
  if (!(sum > C(0)) || !std::isfinite(double(sum))) {
    refuse_not_finite(where, "weight", weights);
    throw argument_error(where, "unusable weights", "a positive sum", std::to_string(double(sum)));
  }
  return {weights.data(), C(1.0 / (double(sum) * divisor))};
}

/// y = the sum of the rows' losses; false if it is not a finite number, so that the loss can say why.
template <class D, class S> bool sum_rows(const tensor<D, shape<>>& y, const tensor<compute_device<D>, S>& losses) {
  using E = compute_device<D>;
  using C = typename E::scalar;
  tensor<E, shape<>> sum;
  if constexpr (std::is_same_v<D, E>)
    sum = y;
  else
    sum = tensor<E, shape<>>(shape<>{});
  E::sum(1, losses.size(), 1, losses.data(), C(0), sum.data());
  if constexpr (!std::is_same_v<D, E>)
    D::for_each(1, 1, copy_rows_kernel<typename D::scalar, C>{sum.data(), 0, y.data(), 0, false});
  C total = 0;
  E::copy_to_host(&total, sum.data(), 1);
  return std::isfinite(double(total));
}

}  // namespace detail
}  // namespace multifuse
