#pragma once
#include "../tape/apply.hpp"
#include "axes.hpp"

namespace multifuse::detail {

template <class T, class From = T> struct copy_rows_kernel {
  const From* from;
  isize from_stride;
  T* to;
  isize to_stride;
  bool accumulate;

  MULTIFUSE_HD void operator()(isize row, isize column) const {
    T& target = to[row * to_stride + column];
    const From x = from[row * from_stride + column];
    target = accumulate ? target + x : x;
  }
};

/// Copies `rows` runs of `run` elements that start `from_stride` (0: always the same) and `to_stride` elements apart;
/// adds them to what is there with `beta` 1.
template <class D, class T = typename D::scalar>
void copy_rows(isize rows, isize run, const T* from, isize from_stride, T* to, isize to_stride, T beta = T(0)) {
  D::for_each(rows, run, copy_rows_kernel<T>{from, from_stride, to, to_stride, beta != T(0)});
}

}  // namespace multifuse::detail
