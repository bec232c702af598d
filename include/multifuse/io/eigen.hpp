#pragma once
#include <string>

#if defined(__CUDACC__) && !defined(EIGEN_NO_CUDA)
#define EIGEN_NO_CUDA  // Eigen stays host code when a CUDA compiler reads it
#endif
#include <Eigen/Core>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/tape/parameter.hpp>

namespace multifuse {

/// A row-major Eigen matrix over memory that belongs to somebody else.
template <class T> using eigen_map = Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

/// The elements of a tensor, variable, parameter or buffer in host memory as an Eigen matrix, without a copy: one row
/// for each place on the axes before the last one, one column for each on the last. Writing to it writes the elements.
/// It is valid as long as a handle to the elements lives. Throws argument_error for a tensor without elements.
///     eigen_view(logits).rowwise().maxCoeff()
template <class X>
requires requires(const X& x) { plain_tensor(x).data(); }
auto eigen_view(const X& x) {
  const auto& elements = plain_tensor(x);
  using T = typename X::scalar;
  static_assert(std::is_same_v<typename X::device, cpu<T>>, "multifuse: Eigen sees tensors in host memory only");
  if (!elements) throw argument_error("eigen_view", "a tensor without elements", "", "");
  return eigen_map<T>(elements.data(), elements.dims().leading(), elements.dims().last());
}

/// The coefficients of a row-major Eigen matrix or array as a tensor, without a copy. The tensor and all handles made
/// from it refer to Eigen's memory and must not be used after the matrix is gone or resized. Throws shape_error unless
/// the matrix holds as many coefficients as the shape and they are contiguous.
///     Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> features(8, 16);
///     auto x = tensor_view(features, shape<batch<>, width<16>>(8));
template <class Derived, class S>
requires is_shape<S> tensor<cpu<typename Derived::Scalar>, S> tensor_view(Eigen::PlainObjectBase<Derived>& matrix,
                                                                          const S& shape) {
  static_assert(Derived::IsRowMajor || Derived::IsVectorAtCompileTime,
                "multifuse: tensors are row-major; declare the matrix with Eigen::RowMajor");
  if (matrix.size() != shape.size())
    throw shape_error("tensor_view", "wrong number of coefficients for " + shape.to_string(),
                      std::to_string(shape.size()),
                      std::to_string(matrix.rows()) + " x " + std::to_string(matrix.cols()));
  return {{}, matrix.data(), shape};
}

}  // namespace multifuse
