#pragma once
#include "computed.hpp"
#include "largest.hpp"
#include "pointwise.hpp"

namespace multifuse {

namespace detail {

/// Exponential waiting times: number i of the key's sequence.
struct waiting_time {
  random_key key;
  MULTIFUSE_HD double operator()(isize i) const {
    return -std::log((uniform(key, i) * 0x1p32 + 1.0) * 0x1p-32) + 1e-30;
  }
};

template <class Offset> struct strided_place {
  Offset offset;
  isize windows;
  MULTIFUSE_HD isize operator()(isize i) const { return offset(i) * windows + i % windows; }
};

/// Number i of the key's sequence, uniform over 0 ... bound - 1.
struct random_offset {
  random_key key;
  isize bound;
  MULTIFUSE_HD isize operator()(isize i) const { return uniform_integer(key, i, bound); }
};

}  // namespace detail

/// Count different places of each row drawn at random, for `gather`: weights [batch, tokens], not negative, give 32-bit
/// integers [batch, tokens Count]. The next place is one of those left with a probability proportional to its weight,
/// and stands behind the earlier ones; places of weight 0 come when no others are left. What is drawn follows from the
/// key alone (exponential race: the places with the largest weight over waiting time). Throws shape_error as
/// `largest_places`.
template <isize Count, value W> constexpr auto random_places(const W& expression, random_key key) {
  const auto weights = no_grad(evaluate(expression));
  return largest_places<Count>(weights / computed(detail::dims_of(weights), detail::waiting_time{key}, weights));
}

/// One place of each of the last axis' windows, for `gather`, where window w of n has the places w, w + n, w + 2n ...:
/// 32-bit integers of the shape, e.g. [batch, tokens n], computed beside a value `like`. `offset` is a small struct
/// with a MULTIFUSE_HD call operator: for element i (row-major), which one of its window.
template <class S, class Offset, value Like>
constexpr auto strided_places(const S& shape, const Offset& offset, const Like& like) {
  return computed<std::int32_t>(shape, detail::strided_place<Offset>{offset, shape.last()}, like);
}
/// Likewise with places drawn at random from windows of `length` places.
template <class S, value Like>
constexpr auto strided_places(const S& shape, isize length, random_key key, const Like& like) {
  return strided_places(shape, detail::random_offset{key, length}, like);
}

}  // namespace multifuse
