#pragma once
#include <array>

#include "../core/math.hpp"
#include "../ops/concat.hpp"
#include "loss.hpp"

namespace multifuse {

/// The kernel of `mean_discrepancy`: a sum of Gaussians exp(-precision |a - b|^2). A precision of 0 adds nothing.
struct mean_discrepancy_options {
  std::array<double, 7> precisions{1e-3, 1e-2, 1e-1, 1, 10, 100, 1000};
};

namespace detail {

/// The first `n` rows of z are one sample, the others the second one. With c = 1 / n for the first and -1 / m for the
/// second, the discrepancy is the sum over all pairs of c_i c_j kernel(z_i, z_j).
template <class T> struct discrepancy_pairs {
  using C = compute_type<T>;
  const T* z;
  isize count, width, n;
  C precisions[7];

  MULTIFUSE_HD C share(isize row) const { return row < n ? C(1) / C(n) : C(-1) / C(count - n); }
  MULTIFUSE_HD C squared_distance(isize i, isize j) const {
    const T *a = z + i * width, *b = z + j * width;
    C sum = 0;
    for (isize c = 0; c < width; ++c) sum += (a[c] - b[c]) * (a[c] - b[c]);
    return sum;
  }
};

template <class T> struct discrepancy_kernel {
  using C = compute_type<T>;
  discrepancy_pairs<T> pairs;
  C* terms;
  MULTIFUSE_HD void operator()(isize i, isize j) const {
    const C d = pairs.squared_distance(i, j);
    C sum = 0;
    for (const C precision : pairs.precisions) sum += math::exp(-precision * d);
    terms[i * pairs.count + j] = pairs.share(i) * pairs.share(j) * (sum + C(0) * d);  // NaN and infinities stay visible
  }
};

/// What pulls row i towards row j: the slope of the discrepancy with respect to their squared distance, twice for its
/// two places in the sum and twice for the square.
template <class T> struct discrepancy_pull_kernel {
  using C = compute_type<T>;
  discrepancy_pairs<T> pairs;
  const T* loss_gradient;
  C* pulls;
  MULTIFUSE_HD void operator()(isize i, isize j) const {
    const C d = pairs.squared_distance(i, j);
    C slope = 0;
    for (const C precision : pairs.precisions) slope -= precision * math::exp(-precision * d);
    pulls[i * pairs.count + j] = C(4) * loss_gradient[0] * pairs.share(i) * pairs.share(j) * slope;
  }
};

template <class T> struct discrepancy_gradient_kernel {
  using C = compute_type<T>;
  const T* z;
  const C* pulls;
  isize count, width;
  T* gradient;
  bool accumulate;
  MULTIFUSE_HD void operator()(isize i, isize c) const {
    C sum = 0;
    for (isize j = 0; j < count; ++j) sum += pulls[i * count + j] * (z[i * width + c] - z[j * width + c]);
    T& target = gradient[i * width + c];
    target = accumulate ? target + sum : sum;
  }
};

}  // namespace detail

/// The operation behind `mean_discrepancy`, on both samples one below the other.
struct mean_discrepancy_op {
  static constexpr std::string_view name = "mean_discrepancy";
  mean_discrepancy_options options;
  isize n;  ///< rows of the first sample

  constexpr scalar_shape shape(const auto&) const {
    for (const double precision : options.precisions)
      if (!(precision >= 0 && precision < 1e300))
        throw argument_error(name, "unusable precision", "numbers of at least 0", std::to_string(precision));
    return {};
  }
  constexpr double flops(const scalar_shape&, const auto& z) const {
    return double(z.leading()) * double(z.leading()) * (3.0 * double(z.last()) + 80);
  }

  template <class D, class Z> void forward(const tensor<D, scalar_shape>& y, const tensor<D, Z>& z) const {
    const auto all = pairs(z);
    const tensor<compute_device<D>, multifuse::shape<samples<>>> terms{
        multifuse::shape<samples<>>(all.count * all.count)};
    D::for_each(all.count, all.count, detail::discrepancy_kernel<typename D::scalar>{all, terms.data()});
    if (!detail::sum_rows(y, terms)) detail::refuse_not_finite(name, "feature (of the samples one below the other)", z);
  }
  template <class D, class Z>
  void backward(const tensor<D, scalar_shape>& dy, const tensor<D, scalar_shape>&, const tensor<D, Z>& z,
                const gradient_sink<D, Z>& dz) const {
    using T = typename D::scalar;
    if (!dz) return;
    const auto all = pairs(z);
    const tensor<compute_device<D>, multifuse::shape<samples<>>> pulls{
        multifuse::shape<samples<>>(all.count * all.count)};
    D::for_each(all.count, all.count, detail::discrepancy_pull_kernel<T>{all, dy.data(), pulls.data()});
    const auto to = dz.open();
    D::for_each(all.count, all.width,
                detail::discrepancy_gradient_kernel<T>{z.data(), pulls.data(), all.count, all.width, to.data,
                                                       to.beta != T(0)});
  }

 private:
  template <class D, class Z> auto pairs(const tensor<D, Z>& z) const {
    using T = typename D::scalar;
    detail::discrepancy_pairs<T> all{z.data(), z.dims()[0], z.dims()[1], n, {}};
    for (std::size_t k = 0; k < options.precisions.size(); ++k)
      all.precisions[k] = compute_type<T>(options.precisions[k]);
    return all;
  }
};

/// The message of samples that cannot be compared: both need a batch axis and one axis of features, of one name.
template <class A, class B>
concept comparable_samples = A::rank == 2 && same_axes_in_order<A, B> && A::template position<batch_axis>() == 0;

/// Squared maximum mean discrepancy (Gretton et al. 2012) of two samples, [batch, width] and [batch', width]: mean
/// k(x, x') + mean k(y, y') - 2 mean k(x, y) over all pairs, those of a row with itself included. 0 where the samples
/// agree. Throws argument_error for features that are NaN or infinite.
template <value X, value Y>
requires comparable_samples<detail::shape_of_t<X>, detail::shape_of_t<Y>>
constexpr auto mean_discrepancy(const X& x, const Y& y, mean_discrepancy_options options = {}) {
  return apply(mean_discrepancy_op{options, detail::dims_of(x)[0]}, concat<batch_axis>(x, y));
}

}  // namespace multifuse
