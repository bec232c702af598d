#pragma once
#if defined(__CUDACC__) && !defined(EIGEN_NO_CUDA)
#define EIGEN_NO_CUDA
#endif
#include <Eigen/Core>

#include "../../tensor/backend.hpp"

namespace multifuse::detail {

template <class T> using row_major = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T> using const_map = Eigen::Map<const row_major<T>, 0, Eigen::OuterStride<>>;

template <class T, class A, class B>
void accumulate_product(T alpha, const A& a, const B& b, Eigen::Map<row_major<T>, 0, Eigen::OuterStride<>>& c) {
  c.noalias() += alpha * (a * b);
}

/// c[m, n] = alpha a b + beta c for one matrix.
template <class T>
void multiply_one(isize m, isize n, isize k, T alpha, matrix<const T> a, matrix<const T> b, T beta, matrix<T> c) {
  Eigen::Map<row_major<T>, 0, Eigen::OuterStride<>> out(c.data, m, n, Eigen::OuterStride<>(c.stride));
  if (beta == T(0))
    out.setZero();
  else if (beta != T(1))
    out *= beta;
  const bool at = a.order == layout::transposed, bt = b.order == layout::transposed;
  const const_map<T> left(a.data, at ? k : m, at ? m : k, Eigen::OuterStride<>(a.stride));
  const const_map<T> right(b.data, bt ? n : k, bt ? k : n, Eigen::OuterStride<>(b.stride));
  if (at && bt) accumulate_product<T>(alpha, left.transpose(), right.transpose(), out);
  if (at && !bt) accumulate_product<T>(alpha, left.transpose(), right, out);
  if (!at && bt) accumulate_product<T>(alpha, left, right.transpose(), out);
  if (!at && !bt) accumulate_product<T>(alpha, left, right, out);
}

}  // namespace multifuse::detail
