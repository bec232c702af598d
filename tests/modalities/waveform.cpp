#include "multifuse/modalities/waveform.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

namespace test_modalities_waveform {

namespace mf = multifuse;

static_assert(mf::evenly_spaced(14400, 10, 4) == 6400);

TEST_CASE("the mean is taken over the whole waveform") {
  CHECK(mf::remove_mean(std::vector<float>{1, 2, 6}) == std::vector<float>{-2, -1, 3});
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinite = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(mf::remove_mean({}), mf::argument_error);
  CHECK_THROWS_AS(mf::remove_mean(std::vector<float>{1, nan}), mf::argument_error);
  CHECK_THROWS_AS(mf::remove_mean(std::vector<float>{infinite}), mf::argument_error);
}

TEST_CASE("evenly spaced positions start at 0, end at the last and cut fractions off") {
  std::vector<mf::isize> starts;
  for (mf::isize k = 0; k < 10; ++k) starts.push_back(mf::evenly_spaced(142400, 10, k));
  CHECK(starts == std::vector<mf::isize>{0, 15822, 31644, 47466, 63288, 79111, 94933, 110755, 126577, 142400});
  CHECK(mf::evenly_spaced(5, 1, 0) == 0);
  CHECK(mf::evenly_spaced(0, 4, 3) == 0);
  CHECK_THROWS_AS(mf::evenly_spaced(-1, 4, 0), mf::argument_error);
  CHECK_THROWS_AS(mf::evenly_spaced(5, 0, 0), mf::argument_error);
  CHECK_THROWS_AS(mf::evenly_spaced(5, 4, 4), mf::argument_error);
  CHECK_THROWS_AS(mf::evenly_spaced(5, 4, -1), mf::argument_error);
}

TEST_CASE("segments are views of samples that exist") {
  const std::vector<float> wave{0, 1, 2, 3};
  const auto part = mf::segment(wave, 1, 2);
  CHECK(part.data() == wave.data() + 1);
  CHECK(part.size() == 2);
  CHECK(mf::segment(wave, 0, 4).size() == 4);
  CHECK_THROWS_AS(mf::segment(wave, 0, 5), mf::argument_error);
  CHECK_THROWS_AS(mf::segment(wave, 4, 1), mf::argument_error);
  CHECK_THROWS_AS(mf::segment(wave, -1, 1), mf::argument_error);
  CHECK_THROWS_AS(mf::segment(wave, 1, 0), mf::argument_error);
  CHECK_THROWS_AS(mf::segment(wave, 2, std::numeric_limits<mf::isize>::max()), mf::argument_error);
}

}  // namespace test_modalities_waveform
