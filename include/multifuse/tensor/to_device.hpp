#pragma once
#include "tensor.hpp"

namespace multifuse {

/// The elements of a tensor on another device, converted to its scalar: `auto y = to_device<cuda<float>>(x);`. Goes
/// through host memory and always copies. Throws device_error where a device refuses.
template <class To, class D, class S> tensor<To, S> to_device(const tensor<D, S>& x) {
  using T = typename To::scalar;
  if (!x) return {};
  const auto elements = x.to_host();
  if constexpr (std::is_same_v<T, typename D::scalar>) {
    return {x.dims(), std::span<const T>(elements)};
  } else {
    std::vector<T> converted(elements.size());
    std::transform(elements.begin(), elements.end(), converted.begin(), [](auto element) { return T(element); });
    return {x.dims(), std::span<const T>(converted)};
  }
}

}  // namespace multifuse
