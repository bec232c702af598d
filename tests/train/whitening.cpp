#include <multifuse/train/whitening.hpp>

#include <doctest/doctest.h>

#include <multifuse/core/random.hpp>

namespace test_train_whitening {

namespace mf = multifuse;
using mf::isize;

TEST_CASE("whitened features have mean 0, variance 1, no correlation") {
  constexpr isize samples = 200, width = 4, kept = 3;
  std::vector<float> features;
  for (isize s = 0; s < samples; ++s) {
    const double a = mf::normal({1, 1}, s), b = mf::normal({1, 2}, s), c = mf::normal({1, 3}, s);
    for (const double x : {5 + a, 2 * a + b, 100 * b - c, 0.01 * c}) features.push_back(float(x));
  }
  const auto white = mf::whitening(features, width, kept)(features);
  REQUIRE(white.size() == std::size_t(samples * kept));
  for (isize i = 0; i < kept; ++i)
    for (isize k = 0; k < kept; ++k) {
      double mean = 0, product = 0;
      for (isize s = 0; s < samples; ++s) {
        mean += white[std::size_t(s * kept + i)] / double(samples);
        product += double(white[std::size_t(s * kept + i)]) * white[std::size_t(s * kept + k)] / double(samples);
      }
      CHECK(std::abs(mean) < 1e-4);
      CHECK(std::abs(product - (i == k)) < 1e-3);
    }
}

TEST_CASE("the largest direction comes first; directions without variance become zero") {
  const std::vector<float> features{-3, 1, 0, 3, 1, 0, 0, 1, 1, 0, 1, -1};
  const auto white = mf::whitening(features, 3, 3)(features);
  for (std::size_t s = 0; s < 4; ++s) {
    CHECK(white[3 * s] == doctest::Approx(features[3 * s] / std::sqrt(4.5)));
    CHECK(white[3 * s + 1] == doctest::Approx(features[3 * s + 2] / std::sqrt(0.5)));
    CHECK(white[3 * s + 2] == 0);
  }
}

TEST_CASE("unusable features and numbers are refused") {
  const std::vector<float> features{0, 1, 2, 3, 4, 5}, broken{0, 1, NAN, 3};
  CHECK_THROWS_AS(mf::whitening(features, 4, 1), mf::shape_error);
  CHECK_THROWS_AS(mf::whitening(features, 0, 1), mf::shape_error);
  CHECK_THROWS_AS(mf::whitening(features, 6, 1), mf::argument_error);
  CHECK_THROWS_AS(mf::whitening(features, 2, 3), mf::argument_error);
  CHECK_THROWS_AS(mf::whitening(features, 2, 0), mf::argument_error);
  CHECK_THROWS_AS(mf::whitening(broken, 2, 1), mf::argument_error);
  CHECK_THROWS_AS(mf::whitening(features, 2, 1)(std::vector<float>{1, 2, 3}), mf::shape_error);
}

}  // namespace test_train_whitening
