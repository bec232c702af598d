#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <multifuse/core/math.hpp>

namespace test_core_math {

namespace math = multifuse::math;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// Calls `f(x)` for about a million floats from low to high, and for those beside the bounds.
template <class F> void sweep(float low, float high, F f) {
  const int steps = 1 << 20;
  for (int i = 0; i <= steps; ++i) f(float(double(low) + (double(high) - double(low)) * i / steps));
  for (const float bound : {low, high})
    for (int ulps = 0; ulps < 100; ++ulps)
      f(std::bit_cast<float>(std::bit_cast<std::int32_t>(bound) - (std::abs(bound) > 0 ? ulps : 0)));
}

/// Calls `f(x)` for numbers of every binary exponent and both signs, denormals included.
template <class F> void every_exponent(F f) {
  for (std::uint32_t exponent = 0; exponent < 255; ++exponent)
    for (const std::uint32_t mantissa : {0u, 1u, 0x2AAAAAu, 0x400000u, 0x5A5A5Au, 0x7FFFFFu})
      for (const std::uint32_t sign : {0u, 0x80000000u}) f(std::bit_cast<float>(sign | exponent << 23 | mantissa));
}

}  // namespace

TEST_CASE("exp of float: the stated relative error") {
  double worst = 0;
  const auto measure = [&](float x) {
    if (!(x >= -87.0f && x <= 88.0f)) return;
    const double expected = std::exp(double(x));
    worst = std::max(worst, std::abs(double(math::exp(x)) - expected) / expected);
  };
  sweep(-87.0f, 88.0f, measure);
  sweep(-1.0f, 1.0f, measure);
  every_exponent(measure);
  measure(0x1.4301d2p+6f);  // the worst of all floats, found by trying each
  MESSAGE("largest relative error of exp: " << worst);
  CHECK(worst < 1.1e-7);
  CHECK(math::exp(0.0f) == 1.0f);
  CHECK(math::exp(-0.0f) == 1.0f);
}

TEST_CASE("exp of float: monotone where it meets its limits, infinite above, 0 below, NaN for NaN") {
  CHECK(std::isfinite(math::exp(88.0f)));
  CHECK(math::exp(std::nextafter(88.0f, 100.0f)) == infinity);
  CHECK(math::exp(1e30f) == infinity);
  CHECK(math::exp(infinity) == infinity);
  CHECK(math::exp(-87.0f) >= std::numeric_limits<float>::min());
  CHECK(math::exp(std::nextafter(-87.0f, -100.0f)) == 0.0f);
  CHECK(math::exp(-1e30f) == 0.0f);
  CHECK(math::exp(-infinity) == 0.0f);
  CHECK(std::isnan(math::exp(not_a_number)));
  CHECK(std::isnan(math::exp(-not_a_number)));
  every_exponent([](float x) {
    const float y = math::exp(x);
    CHECK(y >= 0.0f);
    CHECK((y == 0.0f || y >= std::numeric_limits<float>::min()));  // never a denormal
  });
}

TEST_CASE("tanh of float: the stated absolute error, and a relative one near 0") {
  double absolute = 0, relative = 0;
  const auto measure = [&](float x) {
    const double off = std::abs(double(math::tanh(x)) - std::tanh(double(x)));
    absolute = std::max(absolute, off);
    if (std::abs(x) < 0.3f && std::abs(x) > 1e-37f) relative = std::max(relative, off / std::abs(std::tanh(double(x))));
  };
  sweep(-12.0f, 12.0f, measure);
  sweep(-0.5f, 0.5f, measure);
  every_exponent(measure);
  MESSAGE("largest error of tanh: " << absolute << ", relative below 0.3: " << relative);
  CHECK(absolute < 2e-7);
  CHECK(relative < 2e-7);
}

TEST_CASE("tanh of float: limits, signs, NaN") {
  CHECK(math::tanh(infinity) == 1.0f);
  CHECK(math::tanh(-infinity) == -1.0f);
  CHECK(math::tanh(3e38f) == 1.0f);
  CHECK(math::tanh(-3e38f) == -1.0f);
  CHECK(math::tanh(0.0f) == 0.0f);
  CHECK(std::isnan(math::tanh(not_a_number)));
  every_exponent([](float x) {
    CHECK(std::abs(math::tanh(x)) <= 1.0f);
    CHECK(math::tanh(-x) == doctest::Approx(-double(math::tanh(x))).epsilon(1e-6));
  });
}

TEST_CASE("erf of float: the stated errors") {
  double worst = 0, worst_near_zero = 0;
  const auto measure = [&](float x) {
    const double expected = std::erf(double(x)), error = std::abs(double(math::erf(x)) - expected);
    worst = std::max(worst, error);
    if (x != 0.0f && std::abs(x) < 0.5f && std::abs(x) > 1e-37f)
      worst_near_zero = std::max(worst_near_zero, error / std::abs(expected));
  };
  sweep(-6.0f, 6.0f, measure);
  sweep(-0.1f, 0.1f, measure);
  every_exponent(measure);
  MESSAGE("largest error of erf: " << worst << ", relative near zero: " << worst_near_zero);
  CHECK(worst < 5e-7);
  CHECK(worst_near_zero < 5e-7);
}

TEST_CASE("erf of float: limits, odd, NaN") {
  CHECK(math::erf(infinity) == 1.0f);
  CHECK(math::erf(-infinity) == -1.0f);
  CHECK(math::erf(3e38f) == 1.0f);
  CHECK(std::isnan(math::erf(not_a_number)));
  every_exponent([](float x) {
    CHECK(std::abs(math::erf(x)) <= 1.0f);
    if (x != 0.0f) CHECK(math::erf(-x) == -math::erf(x));
  });
}

TEST_CASE("sqrt of float: the stated relative error, limits, NaN") {
  double worst = 0;
  const auto measure = [&](float x) {
    if (!(x > 0.0f)) return;
    const double expected = std::sqrt(double(x));
    worst = std::max(worst, std::abs(double(math::sqrt(x)) - expected) / expected);
  };
  sweep(0.0f, 4.0f, measure);
  sweep(1e-8f, 1e-6f, measure);
  every_exponent(measure);
  MESSAGE("largest relative error of sqrt: " << worst);
  CHECK(worst < 1.2e-7);
  CHECK(math::sqrt(0.0f) == 0.0f);
  CHECK(math::sqrt(infinity) == infinity);
  CHECK(std::isnan(math::sqrt(-1e-30f)));
  CHECK(std::isnan(math::sqrt(-infinity)));
  CHECK(std::isnan(math::sqrt(not_a_number)));
}

TEST_CASE("double goes to the standard library") {
  for (const double x : {-700.0, -1.5, 0.0, 0.3, 2.0, 700.0}) {
    CHECK(math::exp(x) == std::exp(x));
    CHECK(math::tanh(x) == std::tanh(x));
    CHECK(math::erf(x) == std::erf(x));
    if (x >= 0) CHECK(math::sqrt(x) == std::sqrt(x));
  }
}

}  // namespace test_core_math
