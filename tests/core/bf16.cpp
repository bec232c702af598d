#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <initializer_list>
#include <multifuse/core/bf16.hpp>
#include <type_traits>

namespace test_core_bf16 {

namespace mf = multifuse;

namespace {

float float_of(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

/// The value of finite bf16 bits by their definition.
double value_of(unsigned bits) {
  const int exponent = int(bits >> 7 & 255), fraction = int(bits & 127);
  const double size = exponent == 0 ? std::ldexp(fraction, -133) : std::ldexp(128 + fraction, exponent - 134);
  return bits >> 15 ? -size : size;
}

/// Of the two neighbors of a positive finite number the nearer one, or the one with an even fraction: found by search.
unsigned nearest(double x) {
  unsigned low = 0, high = 0x7f80;  // as if infinity were the next number of the scale
  while (high - low > 1) {
    const unsigned middle = (low + high) / 2;
    (value_of(middle) <= x ? low : high) = middle;
  }
  const double above = high == 0x7f80 ? std::ldexp(1.0, 128) : value_of(high);
  const double to_low = x - value_of(low), to_high = above - x;
  if (to_low == to_high) return low % 2 == 0 ? low : high;
  return to_low < to_high ? low : high;
}

}  // namespace

TEST_CASE("bf16 is two plain bytes, and its arithmetic is that of float") {
  static_assert(sizeof(mf::bf16) == 2 && std::is_trivially_copyable_v<mf::bf16>);
  static_assert(std::is_same_v<decltype(mf::bf16(1.0f) * mf::bf16(2.0f)), float>);
  static_assert(!std::is_convertible_v<float, mf::bf16>);  // rounding is visible where it happens
  static_assert(std::is_same_v<mf::compute_type<mf::bf16>, float> && std::is_same_v<mf::compute_type<double>, double>);
  static_assert(mf::bf16(1.5f) == 1.5f && mf::bf16(1.0f) != mf::bf16(1.0078125f));
  static_assert(mf::bf16(1.0f).bits == 0x3f80 && mf::bf16(1.00390625f).bits == 0x3f80);  // a tie: to even
}

TEST_CASE("every bf16 becomes the float of the same value, and comes back") {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const mf::bf16 x = mf::bf16::from_bits(std::uint16_t(bits));
    if ((bits & 0x7f80) == 0x7f80) continue;
    REQUIRE(double(float(x)) == value_of(bits));
    REQUIRE(mf::bf16(float(x)).bits == bits);
  }
}

TEST_CASE("floats round to the nearest, ties to even") {
  for (std::uint32_t upper = 0; upper < 0x7f80; upper += 1 + upper % 7)
    for (const std::uint32_t lower : {0x0000u, 0x0001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      const std::uint32_t bits = upper << 16 | lower;
      const unsigned expected = nearest(double(float_of(bits)));
      REQUIRE(mf::bf16(float_of(bits)).bits == expected);
      REQUIRE(mf::bf16(float_of(bits | 0x80000000u)).bits == (expected | 0x8000u));
    }
}

TEST_CASE("infinity stays, the largest floats become infinite, NaN stays NaN") {
  CHECK(float(mf::bf16(INFINITY)) == INFINITY);
  CHECK(float(mf::bf16(-INFINITY)) == -INFINITY);
  CHECK(float(mf::bf16(3.4e38f)) == INFINITY);
  for (const std::uint32_t bits : {0x7f800001u, 0x7f80ffffu, 0x7fffffffu, 0xff800001u, 0xffffffffu})
    CHECK(std::isnan(float(mf::bf16(float_of(bits)))));
}

TEST_CASE("limits") {
  using limits = std::numeric_limits<mf::bf16>;
  CHECK(double(limits::max()) == value_of(0x7f7f));
  CHECK(float(limits::lowest()) == -float(limits::max()));
  CHECK(double(limits::min()) == std::ldexp(1.0, limits::min_exponent - 1));
  CHECK(double(limits::epsilon()) == std::ldexp(1.0, 1 - limits::digits));
  CHECK(float(limits::infinity()) == INFINITY);
  CHECK(std::isnan(float(limits::quiet_NaN())));
  CHECK(double(limits::denorm_min()) == std::ldexp(1.0, -133));
}

}  // namespace test_core_bf16
