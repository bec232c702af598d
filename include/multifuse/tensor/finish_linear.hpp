#pragma once
#include <type_traits>

#include "../core/bf16.hpp"

namespace multifuse::detail {

/// x = Function(x + bias of the column); no bias if it is null, no function if it is void. For backends whose products
/// do not do this themselves.
template <class T, class Function> struct finish_linear_kernel {
  T* x;
  const T* bias;
  isize columns;
  MULTIFUSE_HD void operator()(isize r, isize c) const {
    compute_type<T> y = x[r * columns + c];
    if (bias) y += bias[c];
    if constexpr (!std::is_void_v<Function>) y = Function::value(y);
    x[r * columns + c] = y;
  }
};

}  // namespace multifuse::detail
