#include "multifuse/backend/cpu/fft.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <random>
#include <vector>

namespace test_backend_fft {

namespace mf = multifuse;

TEST_CASE("power spectrum agrees with the definition, for any length") {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (mf::isize points : {2, 3, 4, 5, 6, 7, 8, 12, 16, 30, 31, 64, 100, 400, 512}) {
    CAPTURE(points);
    std::vector<float> signal(static_cast<std::size_t>(points));
    for (float& x : signal) x = normal(random);
    mf::power_spectrum transform(points);
    REQUIRE(transform.points() == points);
    REQUIRE(transform.bins() == points / 2 + 1);
    std::vector<double> power(static_cast<std::size_t>(transform.bins()));
    transform(signal, power);
    for (mf::isize k = 0; k < transform.bins(); ++k) {
      double re = 0, im = 0;
      for (mf::isize t = 0; t < points; ++t) {
        const double angle = 2 * std::numbers::pi * static_cast<double>(k * t % points) / static_cast<double>(points);
        re += signal[static_cast<std::size_t>(t)] * std::cos(angle);
        im -= signal[static_cast<std::size_t>(t)] * std::sin(angle);
      }
      CHECK(power[static_cast<std::size_t>(k)] == doctest::Approx(re * re + im * im).epsilon(1e-9));
    }
  }
}

TEST_CASE("a short signal is followed by zeros, whatever was transformed before") {
  mf::power_spectrum transform(16);
  std::vector<double> first(9), again(9);
  const std::vector<float> brief{1, -2, 3}, whole(16, 5.0f);
  transform(brief, first);
  transform(whole, again);
  CHECK(again[0] == doctest::Approx(80.0 * 80.0));
  transform(brief, again);
  CHECK(first == again);
  CHECK(first[0] == doctest::Approx(4));
  CHECK(first[8] == doctest::Approx(36));  // 1 + 2 + 3 at half the sample rate
  transform({}, again);
  CHECK(again == std::vector<double>(9, 0.0));
}

TEST_CASE("power spectrum refuses unusable lengths and spans") {
  for (mf::isize points : {mf::isize{-4}, mf::isize{0}, mf::isize{1}, (mf::isize{1} << 24) + 1})
    CHECK_THROWS_AS(mf::power_spectrum{points}, mf::argument_error);
  mf::power_spectrum transform(8);
  std::vector<float> signal(9);
  std::vector<double> power(5), wrong(4);
  CHECK_THROWS_AS(transform(signal, power), mf::shape_error);
  signal.resize(8);
  CHECK_THROWS_AS(transform(signal, wrong), mf::shape_error);
}

}  // namespace test_backend_fft
