#pragma once
#include <cmath>
#include <string>

#include "../tape/apply.hpp"

/// Refusals of elements that an operation cannot use: found on the device, named on the host.
namespace multifuse::detail {

/// The place of an element, for messages: "[batch 3, tokens 7]".
template <class S> std::string place_of(const S& shape, isize element) {
  std::array<isize, S::rank + 1> at{};
  for (std::size_t i = S::rank; i-- > 0; element /= shape[i]) at[i] = element % shape[i];
  std::string text = "[";
  for (std::size_t i = 0; i < S::rank; ++i)
    text.append(i ? ", " : "").append(S::names()[i]).append(" ").append(std::to_string(at[i]));
  return text + "]";
}

struct outside_kernel {
  const std::int32_t* ids;
  std::int32_t* flags;
  isize bound;
  MULTIFUSE_HD void operator()(isize, isize i) const { flags[i] = ids[i] < 0 || ids[i] >= bound; }
};

/// Throws argument_error at the first integer that is not one of 0 ... bound - 1.
template <class I, class S>
void refuse_outside(std::string_view where, std::string_view what, const tensor<I, S>& ids, isize bound) {
  static_assert(std::is_same_v<typename I::scalar, std::int32_t>, "multifuse: ids and labels are 32-bit integers");
  if (!has_values<I>()) return;
  const isize n = ids.size();
  const tensor<I, shape<samples<>>> flags{shape<samples<>>(n)};
  const tensor<I, shape<>> count{shape<>{}};
  I::for_each(1, n, outside_kernel{ids.data(), flags.data(), bound});
  I::sum(1, n, 1, flags.data(), 0, count.data());
  std::int32_t outside = 0;
  I::copy_to_host(&outside, count.data(), 1);
  if (outside == 0) return;
  const auto values = ids.to_host();
  for (isize i = 0; i < n; ++i)
    if (const auto id = values[std::size_t(i)]; id < 0 || id >= bound)
      throw argument_error(where, std::string(what) + " out of range at " + place_of(ids.dims(), i),
                           "0 ... " + std::to_string(bound - 1), std::to_string(id));
}

/// Throws argument_error at the first element that is NaN or infinite.
template <class D, class S>
void refuse_not_finite(std::string_view where, std::string_view what, const tensor<D, S>& x) {
  if (!has_values<D>()) return;
  const auto values = x.to_host();
  for (isize i = 0; i < x.size(); ++i)
    if (const double value = double(values[std::size_t(i)]); !std::isfinite(value))
      throw argument_error(where, std::string(what) + " not finite at " + place_of(x.dims(), i), "a finite number",
                           std::to_string(value));
}

}  // namespace multifuse::detail
