#pragma once
#include <array>
#include <cstddef>
#include <string>

#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xtensor.hpp>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/tape/parameter.hpp>

namespace multifuse {

/// The elements of a tensor, variable, parameter or buffer in host memory as an xtensor array of as many axes, without
/// a copy. Writing to it writes the elements. It is valid as long as a handle to the elements lives. Throws
/// argument_error for a tensor without elements.
///     xt::amax(xtensor_view(attention), {1})
template <class X>
requires requires(const X& x) { plain_tensor(x).data(); }
auto xtensor_view(const X& x) {
  const auto& elements = plain_tensor(x);
  using T = typename X::scalar;
  static_assert(std::is_same_v<typename X::device, cpu<T>>, "multifuse: xtensor sees tensors in host memory only");
  if (!elements) throw argument_error("xtensor_view", "a tensor without elements", "", "");
  std::array<std::size_t, X::shape_type::rank> extents{};
  for (std::size_t i = 0; i != extents.size(); ++i) extents[i] = static_cast<std::size_t>(elements.dims()[i]);
  return xt::adapt<xt::layout_type::row_major>(elements.data(), static_cast<std::size_t>(elements.size()),
                                               xt::no_ownership(), extents);
}

/// The elements of an xtensor container (xt::xtensor, xt::xarray, an adaptor) as a tensor, without a copy. The tensor
/// and all handles made from it refer to the container's memory and must not be used after it is gone or resized.
/// Throws shape_error unless the container is row-major and has the extents of the shape.
///     xt::xtensor<float, 2> features({8, 16});
///     auto x = tensor_view(features, shape<batch<>, width<16>>(8));
template <class Container, class S>
requires(is_shape<S>&& requires(Container& c) {
  c.storage(), c.data(), c.strides();
}) tensor<cpu<typename Container::value_type>, S> tensor_view(Container& container, const S& shape) {
  bool fits = container.dimension() == S::rank;
  isize stride = 1;
  for (std::size_t i = S::rank; fits && i-- > 0; stride *= shape[i])  // axes of extent 1 have no stride in xtensor
    fits = static_cast<isize>(container.shape()[i]) == shape[i] &&
           (shape[i] == 1 || static_cast<isize>(container.strides()[i]) == stride);
  if (!fits) {
    std::string got = "extents";
    for (const auto extent : container.shape()) got.append(" ").append(std::to_string(extent));
    throw shape_error("tensor_view", "the container does not fit", shape.to_string() + ", row-major",
                      got + (container.layout() == xt::layout_type::row_major ? "" : ", not row-major"));
  }
  return {{}, container.data() + container.data_offset(), shape};
}

}  // namespace multifuse
