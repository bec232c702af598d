#pragma once
#include <type_traits>

#include "../core/bf16.hpp"
#include "../core/short_vector.hpp"

namespace multifuse::detail {

/// x = Function(x + bias of the column); no bias if it is null, no function if it is void. For backends whose products
/// do not do this themselves.
template <class T, class Function> struct finish_linear_kernel {
  T* x;
  const T* bias;
  isize columns;
  MULTIFUSE_HD void operator()(isize r, isize c) const {
    T& y = x[r * columns + c];
    y = finished(y, bias ? compute_type<T>(bias[c]) : 0);
  }

  static constexpr int at_once = widest_vector<T>;
  bool holds_vectors() const { return detail::holds_vectors(x) && detail::holds_vectors(bias); }
  MULTIFUSE_HD void compute_vector(isize r, isize first) const {
    widest<T> y = read_vector(x + r * columns + first), added{};
    if (bias) added = read_vector(bias + first);
    MULTIFUSE_UNROLL
    for (int lane = 0; lane < at_once; ++lane) y.at[lane] = finished(y.at[lane], added.at[lane]);
    write_vector(x + r * columns + first, y);
  }

 private:
  MULTIFUSE_HD static compute_type<T> finished(compute_type<T> y, compute_type<T> added) {
    y += added;
    if constexpr (!std::is_void_v<Function>) y = Function::value(y);
    return y;
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
