#pragma once
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"

#if defined(__CUDACC__) && !defined(EIGEN_NO_CUDA)
#define EIGEN_NO_CUDA  // Eigen stays host code when a CUDA compiler reads it
#endif
#include <Eigen/Eigenvalues>

namespace multifuse {

/// Eigenvalues of a symmetric matrix, the largest first, and a unit eigenvector for each as a row.
struct eigenvectors {
  std::vector<double> values;   ///< [n]
  std::vector<double> vectors;  ///< [n, n]

  /// Of a matrix [n, n], of which the lower half is read. The sign of a vector is such that its element of largest size
  /// is positive. Throws shape_error unless the matrix is square, argument_error if it has no eigenvalues (NaN).
  /// A template, because the solver would take seconds of every source that includes this header.
  template <class Number = double>
  static eigenvectors of(std::span<const std::type_identity_t<Number>> matrix, isize n) {
    if (n < 1 || std::ssize(matrix) != n * n)
      throw shape_error("eigenvectors", "the matrix is not square", std::to_string(n) + " squared",
                        std::to_string(matrix.size()) + " elements");
    using numbers = Eigen::Matrix<Number, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Eigen::SelfAdjointEigenSolver<numbers> solver(Eigen::Map<const numbers>(matrix.data(), n, n));
    if (solver.info() != Eigen::Success || !solver.eigenvalues().allFinite())
      throw argument_error("eigenvectors", "the matrix has no eigenvalues", "finite elements", "");
    eigenvectors found;
    for (isize k = n; k-- > 0;) {
      const Eigen::Vector<Number, Eigen::Dynamic> vector = solver.eigenvectors().col(k);
      isize largest = 0;
      vector.cwiseAbs().maxCoeff(&largest);
      const Number sign = vector[largest] < 0 ? -1 : 1;
      found.values.push_back(solver.eigenvalues()[k]);
      for (isize i = 0; i < n; ++i) found.vectors.push_back(sign * vector[i]);
    }
    return found;
  }
};

}  // namespace multifuse
