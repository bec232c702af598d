#pragma once
#include "../core/bf16.hpp"

/// Reductions of one row inside a kernel. Lanes vectorize, which one running value cannot, and round less; 32 of them keep
/// the additions of several vectors on their way.
namespace multifuse::detail {

/// The sum of term(0) ... term(n - 1).
template <class T, class Term> MULTIFUSE_HD inline T sum_of_terms(isize n, const Term& term) {
  T lanes[32] = {};
  isize i = 0;
  if (n >= 32) {
    for (; i + 32 <= n; i += 32)
      for (isize lane = 0; lane < 32; ++lane) lanes[lane] += term(i + lane);
    for (isize lane = 0; lane < 16; ++lane) lanes[lane] += lanes[lane + 16];
    for (isize lane = 0; lane < 8; ++lane) lanes[lane] += lanes[lane + 8];
  }
  for (; i + 8 <= n; i += 8)
    for (isize lane = 0; lane < 8; ++lane) lanes[lane] += term(i + lane);
  T total = ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
  for (; i < n; ++i) total += term(i);
  return total;
}

/// The largest of n >= 1 elements; NaN behind the first element is passed over.
template <class T> MULTIFUSE_HD inline compute_type<T> largest_of_row(const T* x, isize n) {
  using C = compute_type<T>;
  C lanes[32];
  for (isize lane = 0; lane < 32; ++lane) lanes[lane] = x[0];
  isize i = 0;
  for (; i + 32 <= n; i += 32)
    for (isize lane = 0; lane < 32; ++lane) lanes[lane] = C(x[i + lane]) > lanes[lane] ? C(x[i + lane]) : lanes[lane];
  for (isize lane = 0; lane < 8; ++lane)
    for (isize other = lane + 8; other < 32; other += 8) lanes[lane] = lanes[other] > lanes[lane] ? lanes[other] : lanes[lane];
  for (; i + 8 <= n; i += 8)
    for (isize lane = 0; lane < 8; ++lane) lanes[lane] = C(x[i + lane]) > lanes[lane] ? C(x[i + lane]) : lanes[lane];
  C most = lanes[0];
  for (isize lane = 1; lane < 8; ++lane) most = lanes[lane] > most ? lanes[lane] : most;
  for (; i < n; ++i) most = C(x[i]) > most ? C(x[i]) : most;
  return most;
}

/// Who computes a row in a kernel: here one thread. Kernels that are written as `compute(row, workers)` can be given to
/// several threads for each row (see backend/cuda/shared_rows.hpp): each element of `each` belongs to one of them.
struct one_worker {
  template <class F> MULTIFUSE_HD void each(isize n, const F& f) const {
    for (isize i = 0; i < n; ++i) f(i);
  }
  template <class T, class Term> MULTIFUSE_HD T sum(isize n, const Term& term) const { return sum_of_terms<T>(n, term); }
  template <class T> MULTIFUSE_HD compute_type<T> largest(const T* x, isize n) const { return largest_of_row(x, n); }
  /// True for the one who stores what the row has one of.
  MULTIFUSE_HD bool first() const { return true; }
};

}  // namespace multifuse::detail
