#pragma once
#include "loss.hpp"

namespace multifuse {

/// How far two rows are from each other: 1 - cosine, or the sum of squared differences.
enum class row_distance { cosine, squared };

struct triplet_options {
  double margin = 0.2;
  row_distance distance = row_distance::cosine;
};

namespace detail {

/// Dot products of a row with itself and with another one, and their distance and its slopes: d distance / d a[c] is
/// `own * a[c] + other * b[c]`.
template <class T> struct row_pair {
  using C = compute_type<T>;
  C aa = 0, bb = 0, ab = 0, squared = 0;

  MULTIFUSE_HD row_pair(const T* a, const T* b, isize width) {
    for (isize c = 0; c < width; ++c) {
      aa += a[c] * a[c];
      bb += b[c] * b[c];
      ab += a[c] * b[c];
      squared += (a[c] - b[c]) * (a[c] - b[c]);
    }
  }
  /// Norms of at least 1e-8: a row of zeros has distance 1 to everything.
  MULTIFUSE_HD static C norm(C square) { return square > C(1e-16) || square != square ? std::sqrt(square) : C(1e-8); }
  MULTIFUSE_HD C distance(row_distance kind) const {
    return kind == row_distance::squared ? squared : C(1) - ab / (norm(aa) * norm(bb));
  }
  MULTIFUSE_HD C own_slope(row_distance kind, C own_square) const {
    if (kind == row_distance::squared) return C(2);
    return own_square > C(1e-16) ? ab / (norm(aa) * norm(bb) * own_square) : C(0);
  }
  MULTIFUSE_HD C other_slope(row_distance kind) const {
    return kind == row_distance::squared ? C(-2) : C(-1) / (norm(aa) * norm(bb));
  }
};

template <class T> struct triplet_kernel {
  static constexpr bool works_on_a_row = true;
  using C = compute_type<T>;
  const T *anchor, *positive, *negative;
  isize width;
  C margin, scale;
  row_distance kind;
  C* losses;
  MULTIFUSE_HD void operator()(isize row, isize) const {
    const isize at = row * width;
    const C violation = margin + row_pair<T>(anchor + at, positive + at, width).distance(kind) -
                        row_pair<T>(anchor + at, negative + at, width).distance(kind);
    losses[row] = scale * (violation > C(0) ? violation : C(0) * violation);  // NaN and infinities stay visible
  }
};

template <class T> struct triplet_target {
  T* data;  // null: not wanted
  bool accumulate;
  MULTIFUSE_HD void put(isize place, compute_type<T> d) const {
    if (data) data[place] = accumulate ? data[place] + d : d;
  }
};

template <class T> struct triplet_back_kernel {
  static constexpr bool works_on_a_row = true;
  using C = compute_type<T>;
  const T *anchor, *positive, *negative, *loss_gradient;
  isize width;
  C margin, scale;
  row_distance kind;
  triplet_target<T> danchor, dpositive, dnegative;

  MULTIFUSE_HD void operator()(isize row, isize) const {
    const isize at = row * width;
    const T *a = anchor + at, *p = positive + at, *n = negative + at;
    const row_pair<T> near(a, p, width), far(a, n, width);
    const bool active = margin + near.distance(kind) - far.distance(kind) > C(0);
    const C g = active ? loss_gradient[0] * scale : C(0);
    const C own = near.own_slope(kind, near.aa) - far.own_slope(kind, far.aa);
    const C own_positive = near.own_slope(kind, near.bb), own_negative = far.own_slope(kind, far.bb);
    const C to_positive = near.other_slope(kind), to_negative = far.other_slope(kind);
    for (isize c = 0; c < width; ++c) {
      danchor.put(at + c, g * (own * a[c] + to_positive * p[c] - to_negative * n[c]));
      dpositive.put(at + c, g * (own_positive * p[c] + to_positive * a[c]));
      dnegative.put(at + c, -g * (own_negative * n[c] + to_negative * a[c]));
    }
  }
};

}  // namespace detail

/// The operation behind `triplet`.
struct triplet_op {
  static constexpr std::string_view name = "triplet";
  triplet_options options;

  constexpr scalar_shape shape(const auto& anchor, const auto& positive, const auto& negative) const {
    if (!(options.margin >= 0 && options.margin < 1e300))
      throw argument_error(name, "unusable margin", "a number of at least 0", std::to_string(options.margin));
    detail::require_equal<triplet_op>(anchor, positive);
    detail::require_equal<triplet_op>(anchor, negative);
    return {};
  }
  constexpr double flops(const scalar_shape&, const auto& anchor, const auto&...) const {
    return 18.0 * double(anchor.size());
  }

  template <class D, class A, class P, class N>
  void forward(const tensor<D, scalar_shape>& y, const tensor<D, A>& anchor, const tensor<D, P>& positive,
               const tensor<D, N>& negative) const {
    using T = typename D::scalar;
    using C = compute_type<T>;
    const isize rows = anchor.dims().leading();
    const tensor<compute_device<D>, multifuse::shape<samples<>>> losses{multifuse::shape<samples<>>(rows)};
    D::for_each(rows, 1,
                detail::triplet_kernel<T>{anchor.data(), positive.data(), negative.data(), anchor.dims().last(),
                                          C(options.margin), C(1.0 / double(rows)), options.distance, losses.data()});
    if (detail::sum_rows(y, losses)) return;
    detail::refuse_not_finite(name, "anchor", anchor);
    detail::refuse_not_finite(name, "positive", positive);
    detail::refuse_not_finite(name, "negative", negative);
  }
  template <class D, class A, class P, class N>
  void backward(const tensor<D, scalar_shape>& dy, const tensor<D, scalar_shape>&, const tensor<D, A>& anchor,
                const tensor<D, P>& positive, const tensor<D, N>& negative, const gradient_sink<D, A>& danchor,
                const gradient_sink<D, P>& dpositive, const gradient_sink<D, N>& dnegative) const {
    using T = typename D::scalar;
    using C = compute_type<T>;
    // opened in this order: of two uses of one variable the first writes its gradient and the second adds
    const auto to_anchor = target<T>(danchor), to_positive = target<T>(dpositive), to_negative = target<T>(dnegative);
    const isize rows = anchor.dims().leading();
    D::for_each(rows, 1,
                detail::triplet_back_kernel<T>{anchor.data(), positive.data(), negative.data(), dy.data(),
                                               anchor.dims().last(), C(options.margin), C(1.0 / double(rows)),
                                               options.distance, to_anchor, to_positive, to_negative});
  }

 private:
  template <class T> static detail::triplet_target<T> target(const auto& sink) {
    if (!sink) return {nullptr, false};
    const auto to = sink.open();
    return {to.data, to.beta != T(0)};
  }
};

/// Triplet loss (Schroff et al. 2015): the mean over rows of max(0, margin + distance(anchor, positive) -
/// distance(anchor, negative)), all three [batch, ..., width]. Throws argument_error for NaN or infinite elements and
/// for a negative margin.
template <value A, value P, value N>
requires same_axes_in_order<detail::shape_of_t<A>, detail::shape_of_t<P>, detail::shape_of_t<N>>
constexpr auto triplet(const A& anchor, const P& positive, const N& negative, triplet_options options = {}) {
  return apply(triplet_op{options}, anchor, positive, negative);
}

}  // namespace multifuse
