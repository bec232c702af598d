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

/// y = Function(x).
template <class T, class Function> struct function_kernel {
  const T* x;
  T* y;
  isize columns;
  MULTIFUSE_HD void operator()(isize r, isize c) const {
    y[r * columns + c] = Function::value(compute_type<T>(x[r * columns + c]));
  }
};

/// dx = dx times the slope of Function at x.
template <class T, class Function> struct function_slope_kernel {
  const T* x;
  T* dx;
  isize columns;
  MULTIFUSE_HD void operator()(isize r, isize c) const {
    const isize i = r * columns + c;
    dx[i] = compute_type<T>(dx[i]) * Function::slopes(compute_type<T>(x[i])).slope[0];
  }
};

}  // namespace multifuse::detail
