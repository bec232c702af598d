#pragma once
#include "../core/math.hpp"
#include "../ops/concat.hpp"
#include "loss.hpp"

namespace multifuse {

namespace detail {

/// The logarithm of the sum of exponentials of one row of a square matrix (or column: exchanged strides), without the
/// diagonal if so wanted, and the loss of the row, whose positive is in column (row + shift) mod n.
template <class T> struct contrast_kernel {
  static constexpr bool works_on_a_row = true;
  const T* logits;
  isize n, row_stride, column_stride, shift;
  bool without_diagonal;
  T scale;
  T *losses, *log_sums;

  MULTIFUSE_HD void operator()(isize row, isize) const {
    const T* const x = logits + row * row_stride;
    const isize positive = (row + shift) % n;
    T most = x[positive * column_stride], poison = 0;
    for (isize c = 0; c < n; ++c) {
      const T one = x[c * column_stride];
      if (!(without_diagonal && c == row)) most = one > most ? one : most;
      poison += T(0) * one;  // 0, or NaN if any logit is NaN or infinite
    }
    T sum = 0;
    for (isize c = 0; c < n; ++c)
      if (!(without_diagonal && c == row)) sum += math::exp(x[c * column_stride] - most);
    log_sums[row] = most + std::log(sum);
    losses[row] = scale * (log_sums[row] - x[positive * column_stride] + poison);
  }
};

/// The gradient of the logits: softmax of the rows (and of the columns, unless null) minus the positives.
template <class T> struct contrast_back_kernel {
  using C = compute_type<T>;
  const C *logits, *row_sums, *column_sums;
  const T* loss_gradient;
  isize n, shift;
  bool without_diagonal;
  C scale;
  T* gradient;

  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const C x = logits[row * n + column];
    const C positive = column == (row + shift) % n ? C(1) : C(0);
    C d = (without_diagonal && column == row ? C(0) : math::exp(x - row_sums[row])) - positive;
    if (column_sums) d += math::exp(x - column_sums[column]) - positive;
    gradient[row * n + column] = loss_gradient[0] * scale * d;
  }
};

/// Takes a margin off the logits of partners, which are on the diagonal.
template <class T> struct contrast_margin_kernel {
  T* logits;
  isize n;
  T margin;
  MULTIFUSE_HD void operator()(isize row, isize) const { logits[row * (n + 1)] -= margin; }
};

/// What the forward pass of a contrastive loss keeps.
template <class D> struct contrast {
  tensor<compute_device<D>, shape<rows<>, columns<>>> logits;
  tensor<compute_device<D>, shape<rows<>>> row_sums, column_sums;  // the latter empty if columns do not count
};

constexpr void refuse_margin(std::string_view where, double margin) {
  if (!(margin > -1e300 && margin < 1e300))
    throw argument_error(where, "unusable margin", "a finite number", std::to_string(margin));
}
constexpr void refuse_temperature(std::string_view where, double temperature) {
  if (!(temperature > 0 && temperature < 1e300))
    throw argument_error(where, "unusable temperature", "a positive number", std::to_string(temperature));
}

/// logits[n, n] = a b^T / temperature, with a margin only for shift 0, and the losses of rows, and of columns; y is
/// their mean. False if not finite.
template <class D>
bool contrast_forward(const tensor<D, shape<>>& y, const typename D::scalar* a, const typename D::scalar* b, isize n,
                      isize width, double temperature, double margin, isize shift, bool both,
                      bool without_diagonal, contrast<D>& kept) {
  using E = compute_device<D>;
  using C = typename E::scalar;
  kept.logits = tensor<E, shape<rows<>, columns<>>>(shape<rows<>, columns<>>(n, n));
  D::multiply(1, n, n, width, C(1 / temperature), {a, width, 0}, {b, width, 0, layout::transposed}, C(0),
              {kept.logits.data(), n, 0});
  if (margin != 0) D::for_each(n, 1, contrast_margin_kernel<C>{kept.logits.data(), n, C(margin / temperature)});
  const isize directions = both ? 2 : 1;
  const tensor<E, shape<rows<>>> losses{shape<rows<>>(directions * n)};
  const C scale = C(1.0 / double(directions * n));
  const auto run = [&](tensor<E, shape<rows<>>>& sums, isize row_stride, isize column_stride, C* to) {
    sums = tensor<E, shape<rows<>>>(shape<rows<>>(n));
    D::for_each(n, 1,
                contrast_kernel<C>{kept.logits.data(), n, row_stride, column_stride, shift, without_diagonal, scale, to,
                                   sums.data()});
  };
  run(kept.row_sums, n, 1, losses.data());
  if (both) run(kept.column_sums, 1, n, losses.data() + n);
  return sum_rows(y, losses);
}

/// The gradient of the logits, divided by the temperature.
template <class D>
tensor<D, shape<rows<>, columns<>>> contrast_backward(const tensor<D, shape<>>& dy, const contrast<D>& kept,
                                                      double temperature, isize shift, bool without_diagonal) {
  using T = typename D::scalar;
  const isize n = kept.row_sums.size(), directions = kept.column_sums ? 2 : 1;
  tensor<D, shape<rows<>, columns<>>> gradient(kept.logits.dims());
  D::for_each(n, n,
              contrast_back_kernel<T>{kept.logits.data(), kept.row_sums.data(), kept.column_sums.data(), dy.data(), n,
                                      shift, without_diagonal,
                                      compute_type<T>(1.0 / (temperature * double(directions * n))), gradient.data()});
  return gradient;
}

}  // namespace detail

/// Which of two streams looks for its partner in the other: the first, or both (the mean of the two losses).
enum class contrast_direction { both, first_to_second };

struct contrastive_options {
  double temperature = 0.07;
  contrast_direction direction = contrast_direction::both;  ///< of `info_nce`
  double margin = 0;  ///< of `info_nce`: taken off the similarity of partners
};

/// The operation behind `info_nce`.
struct info_nce_op {
  static constexpr std::string_view name = "info_nce";
  contrastive_options options;

  template <class A, class B> constexpr scalar_shape shape(const A& a, const B& b) const {
    detail::refuse_temperature(name, options.temperature);
    detail::refuse_margin(name, options.margin);
    detail::require_equal<info_nce_op>(a, b);
    return {};
  }
  constexpr double flops(const scalar_shape&, const auto& a, const auto&) const {
    return double(a.leading()) * double(a.leading()) * (2.0 * double(a.last()) + (both() ? 28.0 : 14.0));
  }

  template <class D, class A, class B>
  detail::contrast<D> forward(const tensor<D, scalar_shape>& y, const tensor<D, A>& a, const tensor<D, B>& b) const {
    detail::contrast<D> kept;
    if (!detail::contrast_forward(y, a.data(), b.data(), a.dims()[0], a.dims()[1], options.temperature,
                                  options.margin, 0, both(), false, kept)) {
      detail::refuse_not_finite(name, "feature of the first stream", a);
      detail::refuse_not_finite(name, "feature of the second stream", b);
    }
    return kept;
  }
  template <class D, class A, class B>
  void backward(const tensor<D, scalar_shape>& dy, const tensor<D, scalar_shape>&, const detail::contrast<D>& kept,
                const tensor<D, A>& a, const tensor<D, B>& b, const gradient_sink<D, A>& da,
                const gradient_sink<D, B>& db) const {
    using T = typename D::scalar;
    const isize n = a.dims()[0], width = a.dims()[1];
    const auto g = detail::contrast_backward(dy, kept, options.temperature, 0, false);
    if (da) {
      const auto to = da.open();
      D::multiply(1, n, width, n, T(1), {g.data(), n, 0}, {b.data(), width, 0}, to.beta, {to.data, width, 0});
    }
    if (db) {
      const auto to = db.open();
      D::multiply(1, n, width, n, T(1), {g.data(), n, 0, layout::transposed}, {a.data(), width, 0}, to.beta,
                  {to.data, width, 0});
    }
  }

 private:
  constexpr bool both() const { return options.direction == contrast_direction::both; }
};

/// The operation behind `nt_xent`, on the features of both streams one below the other: [2 n, width].
struct nt_xent_op {
  static constexpr std::string_view name = "nt_xent";
  double temperature;

  constexpr scalar_shape shape(const auto&) const {
    detail::refuse_temperature(name, temperature);
    return {};
  }
  constexpr double flops(const scalar_shape&, const auto& z) const {
    return double(z.leading()) * double(z.leading()) * (2.0 * double(z.last()) + 14.0);
  }

  template <class D, class Z>
  detail::contrast<D> forward(const tensor<D, scalar_shape>& y, const tensor<D, Z>& z) const {
    detail::contrast<D> kept;
    const isize n = z.dims()[0];
    if (!detail::contrast_forward(y, z.data(), z.data(), n, z.dims()[1], temperature, 0, n / 2, false, true, kept))
      detail::refuse_not_finite(name, "feature (of the streams one below the other)", z);
    return kept;
  }
  template <class D, class Z>
  void backward(const tensor<D, scalar_shape>& dy, const tensor<D, scalar_shape>&, const detail::contrast<D>& kept,
                const tensor<D, Z>& z, const gradient_sink<D, Z>& dz) const {
    if (!dz) return;
    using T = typename D::scalar;
    const isize n = z.dims()[0], width = z.dims()[1];
    const auto g = detail::contrast_backward(dy, kept, temperature, n / 2, true);
    const auto to = dz.open();
    D::multiply(1, n, width, n, T(1), {g.data(), n, 0}, {z.data(), width, 0}, to.beta, {to.data, width, 0});
    D::multiply(1, n, width, n, T(1), {g.data(), n, 0, layout::transposed}, {z.data(), width, 0}, T(1),
                {to.data, width, 0});
  }
};

/// The message of features that cannot be contrasted: both need the same two axes, items and features.
template <class A, class B>
concept paired_features = A::rank == 2 && same_axes_in_order<A, B>;

/// InfoNCE (van den Oord et al. 2018): row i of a and row i of b, both [batch, width], belong together; every other
/// pair of rows in the batch does not. With s = a b^T / temperature, the mean of -log softmax(s)_ii over rows, or over
/// rows and columns (CLIP, Radford et al. 2021). Give normalized features; for a learned temperature scale one of them
/// and say 1 here. Throws argument_error for NaN or infinite features, a temperature that is not positive and a margin
/// that is not finite.
template <value A, value B>
requires paired_features<detail::shape_of_t<A>, detail::shape_of_t<B>>
constexpr auto info_nce(const A& a, const B& b, contrastive_options options = {}) {
  return apply(info_nce_op{options}, a, b);
}

/// NT-Xent (SimCLR, Chen et al. 2020): like `info_nce`, but each of the 2 n rows of both looks for its partner among
/// all others of both. Throws as `info_nce`.
template <value A, value B>
requires paired_features<detail::shape_of_t<A>, detail::shape_of_t<B>>
constexpr auto nt_xent(const A& a, const B& b, double temperature = 0.5) {
  using S = detail::shape_of_t<A>;
  detail::require_equal<nt_xent_op>(detail::dims_of(a), detail::dims_of(b));
  return apply(nt_xent_op{temperature},
               concat<typename detail::last_axis_of<exchange_axis<S, last_tag<S>>>::type::tag>(a, b));
}

}  // namespace multifuse
