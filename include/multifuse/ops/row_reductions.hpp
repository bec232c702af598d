#pragma once
#include "../core/bf16.hpp"

/// Reductions of one row inside a kernel. Eight lanes vectorize, which one running value cannot, and round less.
namespace multifuse::detail {

/// The sum of term(0) ... term(n - 1).
template <class T, class Term> MULTIFUSE_HD inline T sum_of_terms(isize n, const Term& term) {
  T lanes[8] = {};
  isize i = 0;
  for (; i + 8 <= n; i += 8)
    for (isize lane = 0; lane < 8; ++lane) lanes[lane] += term(i + lane);
  T total = ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
  for (; i < n; ++i) total += term(i);
  return total;
}

/// The largest of n >= 1 elements; NaN behind the first element is passed over.
template <class T> MULTIFUSE_HD inline compute_type<T> largest_of_row(const T* x, isize n) {
  using C = compute_type<T>;
  C lanes[8];
  for (isize lane = 0; lane < 8; ++lane) lanes[lane] = x[0];
  isize i = 0;
  for (; i + 8 <= n; i += 8)
    for (isize lane = 0; lane < 8; ++lane) lanes[lane] = C(x[i + lane]) > lanes[lane] ? C(x[i + lane]) : lanes[lane];
  C most = lanes[0];
  for (isize lane = 1; lane < 8; ++lane) most = lanes[lane] > most ? lanes[lane] : most;
  for (; i < n; ++i) most = C(x[i]) > most ? C(x[i]) : most;
  return most;
}

}  // namespace multifuse::detail
