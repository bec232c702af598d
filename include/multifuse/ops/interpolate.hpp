#pragma once
#include "computed.hpp"
#include "matmul.hpp"
#include "rearrange.hpp"

namespace multifuse {

namespace detail {
/// How much element `i % from` counts in element `i / from` of the result.
struct interpolation_weight {
  isize from, to;
  MULTIFUSE_HD double operator()(isize i) const {
    const double place = (double(i / from) + 0.5) * double(from) / double(to) - 0.5;
    const double inside = place < 0 ? 0.0 : place;
    const isize low = isize(inside), high = low + 1 < from ? low + 1 : from - 1;
    const double share = inside - double(low);
    return (i % from == low ? 1.0 - share : 0.0) + (i % from == high ? share : 0.0);
  }
};
}  // namespace detail

/// A table [Tag, width], such as learned positions, at another length: [Tag To, width] by linear interpolation, with
/// elements seen as intervals (PyTorch's `align_corners=False`). The result is on the device and tape of `like`, so that a
/// parameter collects its gradient. Example: `interpolate<tokens_axis, 49>(positions, x)`.
template <class Tag, isize To, value X, value Like>
  requires has_axis<detail::shape_of_t<X>, Tag> && (detail::shape_of_t<X>::rank == 2) && (To > 0) &&
           (detail::shape_of_t<X>::template static_extent<Tag>() != dynamic)
constexpr auto interpolate(const X& table, const Like& like) {
  constexpr isize from = detail::shape_of_t<X>::template static_extent<Tag>();
  const auto weights = computed(shape<samples<To>, axis<Tag, from>>{}, detail::interpolation_weight{from, To}, like);
  return rename<samples_axis, Tag>(matmul<Tag>(weights, table));
}

}  // namespace multifuse
