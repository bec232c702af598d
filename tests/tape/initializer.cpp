#include <doctest/doctest.h>

#include <cmath>
#include <multifuse/tape/initializer.hpp>

namespace test_tape_initializer {

namespace mf = multifuse;
using mf::isize;

namespace {

struct spread {
  double mean = 0, deviation = 0, least = 1e300, most = -1e300;
};
spread spread_of(const mf::initializer& start, isize n = 50000) {
  spread s;
  double squares = 0;
  for (isize i = 0; i < n; ++i) {
    const double v = start.draw({3, 4}, i);
    s.mean += v / double(n);
    squares += v * v / double(n);
    s.least = std::min(s.least, v);
    s.most = std::max(s.most, v);
  }
  s.deviation = std::sqrt(squares - s.mean * s.mean);
  return s;
}

}  // namespace

TEST_CASE("constants") {
  CHECK(mf::init::zeros().draw({1, 1}, 3) == 0);
  CHECK(mf::init::ones().draw({1, 1}, 3) == 1);
  CHECK(mf::init::constant(-2.5).draw({1, 1}, 3) == -2.5);
}

TEST_CASE("uniform between its bounds") {
  const auto s = spread_of(mf::init::uniform(-1, 3));
  CHECK(s.least >= -1);
  CHECK(s.most < 3);
  CHECK(s.mean == doctest::Approx(1).epsilon(0.03));
  CHECK(s.deviation == doctest::Approx(4 / std::sqrt(12.0)).epsilon(0.02));
}

TEST_CASE("normal, and normal within two deviations") {
  const auto s = spread_of(mf::init::normal(0.5));
  CHECK(std::abs(s.mean) < 0.02);
  CHECK(s.deviation == doctest::Approx(0.5).epsilon(0.02));
  CHECK(s.most > 1.5);
  const auto t = spread_of(mf::init::truncated_normal(0.5));
  CHECK(t.most < 1);
  CHECK(t.least > -1);
  CHECK(t.most > 0.95);
  CHECK(t.deviation == doctest::Approx(0.5 * 0.87962566).epsilon(0.02));  // of the truncated distribution
}

TEST_CASE("bounds that follow from a layer's extents, in constant expressions") {
  constexpr auto xavier = mf::init::xavier_uniform(3, 5);
  static_assert(xavier.kind == mf::initializer::distribution::uniform && xavier.first == -xavier.second);
  CHECK(xavier.second == doctest::Approx(std::sqrt(6.0 / 8)).epsilon(1e-14));
  CHECK(mf::init::xavier_uniform(768, 3072).second == doctest::Approx(std::sqrt(6.0 / 3840)).epsilon(1e-14));
  CHECK(mf::init::fan_in_uniform(9).second == doctest::Approx(1.0 / 3).epsilon(1e-14));
  CHECK(mf::init::fan_in_uniform(1).second == doctest::Approx(1).epsilon(1e-14));
}

TEST_CASE("a value depends on the key and its number alone") {
  for (const auto& start : {mf::init::uniform(0, 1), mf::init::normal(1), mf::init::truncated_normal(1)}) {
    const double third = start.draw({1, 2}, 3);
    CHECK(start.draw({1, 2}, 4) != third);
    CHECK(start.draw({1, 3}, 3) != third);
    CHECK(start.draw({2, 2}, 3) != third);
    CHECK(start.draw({1, 2}, 3) == third);
  }
}

}  // namespace test_tape_initializer
