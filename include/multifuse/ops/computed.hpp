#pragma once
#include "../tape/evaluate.hpp"

namespace multifuse {

namespace detail {
template <class T, class Formula> struct computed_kernel {
  T* to;
  isize columns;
  Formula formula;
  MULTIFUSE_HD void operator()(isize row, isize column) const {
    to[row * columns + column] = T(formula(row * columns + column));
  }
};
}  // namespace detail

/// A constant beside a value: element i (row-major) of the given shape is `formula(i)`, evaluated on the value's
/// device. It lies on the tape of a variable `like`, so that what parameters make of it is recorded, and gets no
/// gradient. The formula is a small struct with a MULTIFUSE_HD call operator. T is the type of the elements, by default
/// the value's. Example: `computed<std::int32_t>(shape<samples<16>>{}, place_in_table{4}, x)`.
template <class T = void, class S, class Formula, value Like>
constexpr auto computed(const S& shape, const Formula& formula, const Like& like) {
  using D = device_of_t<Like>;
  if constexpr (std::is_same_v<D, meta>) {
    return tensor<meta, S>(shape, detail::count_of(like));
  } else {
    using own = std::conditional_t<std::is_void_v<T>, typename D::scalar, T>;
    using device = rebind<D, own>;
    const tensor<device, S> y(shape);
    device::for_each(shape.leading(), shape.last(),
                     detail::computed_kernel<own, Formula>{y.data(), shape.last(), formula});
    if constexpr (on_tape<Like>)
      return record(*detail::recorder_of(like), y);
    else
      return y;
  }
}

}  // namespace multifuse
