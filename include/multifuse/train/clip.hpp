#pragma once
#include <cmath>
#include <limits>

#include "multifuse/tape/members.hpp"

namespace multifuse {
namespace detail {

/// Sum of squares of `length` elements, in double.
template <class T> struct sum_of_squares_kernel {
  const T* elements;
  double* sums;
  isize size, length;

  MULTIFUSE_HD void operator()(isize chunk, isize) const {
    const isize first = chunk * length, end = first + length < size ? first + length : size;
    double lanes[4] = {0, 0, 0, 0};
    isize i = first;
    for (; i + 4 <= end; i += 4)
      for (isize lane = 0; lane < 4; ++lane) {
        const double x = double(elements[i + lane]);
        lanes[lane] += x * x;
      }
    for (; i < end; ++i) lanes[0] += double(elements[i]) * double(elements[i]);
    sums[chunk] = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
  }
};

template <class T> struct scale_kernel {
  T* elements;
  compute_type<T> factor;
  MULTIFUSE_HD void operator()(isize, isize i) const { elements[i] = elements[i] * factor; }
};

/// Throws argument_error for the first parameter with a gradient that is not finite.
template <class D> [[noreturn]] void refuse_gradients(const flat_parameters<D>& flat) {
  const auto elements = flat.gradients.to_host();
  for (const auto& entry : flat.entries) {
    if (!entry.trainable) continue;
    for (isize i = entry.offset; i < entry.offset + entry.count; ++i)
      if (const auto value = elements[static_cast<std::size_t>(i)]; !std::isfinite(value))
        throw argument_error("gradient of '" + entry.name + "'", "not a finite number", "finite gradients",
                             std::to_string(value) + " at position " + std::to_string(i - entry.offset));
  }
  throw argument_error("gradients", "the norm overflows", "finite gradients", "");
}

/// The sum of squares of `size` gradients. Throws as `global_norm`.
template <class D> double squared_norm(const flat_parameters<D>& flat, const typename D::scalar* from, isize size) {
  constexpr isize length = 1024;
  using doubles = rebind<D, double>;
  const tensor<doubles, shape<samples<>>> sums(shape<samples<>>((size + length - 1) / length));
  D::for_each(sums.size(), 1, sum_of_squares_kernel<typename D::scalar>{from, sums.data(), size, length});
  double total = 0;
  for (const double sum : sums.to_host()) total += sum;
  if (!std::isfinite(total)) refuse_gradients(flat);
  return total;
}

}  // namespace detail

/// Root of the sum of squares of all gradients. The same value on every run: sums in double, in a fixed order.
/// Throws argument_error, which names the first parameter concerned, when a gradient is infinite or not a number.
template <class D> double global_norm(const flat_parameters<D>& flat) {
  if (flat.gradients.size() == 0) return 0;
  return std::sqrt(detail::squared_norm(flat, flat.gradients.data(), flat.gradients.size()));
}

/// Scales all gradients so that their global norm is at most `limit` (Pascanu et al. 2013); returns the norm they had.
/// Throws argument_error unless limit > 0, and as `global_norm`; then the gradients are unchanged.
template <class D> double clip_global_norm(const flat_parameters<D>& flat, double limit) {
  if (!(limit > 0)) throw argument_error("clip_global_norm", "unusable limit", "more than 0", std::to_string(limit));
  const double norm = global_norm(flat);
  using T = typename D::scalar;
  if (norm > limit)
    D::for_each(1, flat.gradients.size(),
                detail::scale_kernel<T>{flat.gradients.data(), compute_type<T>(limit / norm)});
  return norm;
}

/// Scales the gradient of each parameter whose name contains `pattern`, as in `name_matches`, so that its own norm is
/// at most `limit`, as DINO does (Caron et al. 2021); returns how many were scaled. Throws argument_error unless limit
/// > 0, and as `global_norm`, before anything is scaled.
template <class D> isize clip_each_norm(const flat_parameters<D>& flat, double limit, std::string_view pattern = "*") {
  if (!(limit > 0)) throw argument_error("clip_each_norm", "unusable limit", "more than 0", std::to_string(limit));
  using T = typename D::scalar;
  global_norm(flat);
  isize scaled = 0;
  for (const auto& entry : flat.entries) {
    if (!entry.trainable || !name_matches(entry.name, pattern)) continue;
    T* const gradient = flat.gradients.data() + entry.offset;
    const double norm = std::sqrt(detail::squared_norm(flat, gradient, entry.count));
    if (norm <= limit) continue;
    D::for_each(1, entry.count, detail::scale_kernel<T>{gradient, compute_type<T>(limit / norm)});
    ++scaled;
  }
  return scaled;
}

}  // namespace multifuse
