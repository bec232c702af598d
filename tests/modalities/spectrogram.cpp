#include "multifuse/modalities/spectrogram.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <numeric>
#include <vector>

namespace test_modalities_spectrogram {

namespace mf = multifuse;

namespace {
std::vector<float> copy(const mf::spectrogram& s) { return {s.values().begin(), s.values().end()}; }
}  // namespace

TEST_CASE("padding before and after normalization differ as in UAVM and LAVISH") {
  mf::spectrogram before(2, 3);
  std::iota(before.values().begin(), before.values().end(), 1.0f);
  mf::spectrogram after = before;
  before.fit_frames(3);
  before.normalize(2, 4);
  after.normalize(2, 4);
  after.fit_frames(3);
  CHECK(copy(before) == std::vector<float>{-0.25f, 0, 0.25f, 0.5f, 0.75f, 1, -0.5f, -0.5f, -0.5f});
  CHECK(copy(after) == std::vector<float>{-0.25f, 0, 0.25f, 0.5f, 0.75f, 1, 0, 0, 0});
}

TEST_CASE("frames are cut at the end and grown with zeros") {
  mf::spectrogram s(3, 2);
  std::iota(s.values().begin(), s.values().end(), 1.0f);
  s.fit_frames(1);
  CHECK(s.frames() == 1);
  CHECK(copy(s) == std::vector<float>{1, 2});
  s.fit_frames(2);
  CHECK(copy(s) == std::vector<float>{1, 2, 0, 0});
  s.frame(1)[1] = 7;
  CHECK(std::as_const(s).frame(1)[1] == 7);
  s.fit_frames(0);
  CHECK(s.values().empty());
}

TEST_CASE("spectrogram refuses bad extents, frames and statistics") {
  CHECK_THROWS_AS(mf::spectrogram(-1, 4), mf::argument_error);
  CHECK_THROWS_AS(mf::spectrogram(4, 0), mf::argument_error);
  mf::spectrogram s(2, 2);
  CHECK_THROWS_AS(s.fit_frames(-1), mf::argument_error);
  CHECK_THROWS_AS(s.frame(2), mf::argument_error);
  CHECK_THROWS_AS(s.frame(-1), mf::argument_error);
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinite = std::numeric_limits<double>::infinity();
  CHECK_THROWS_AS(s.normalize(nan, 1), mf::argument_error);
  CHECK_THROWS_AS(s.normalize(0, 0), mf::argument_error);
  CHECK_THROWS_AS(s.normalize(0, nan), mf::argument_error);
  CHECK_THROWS_AS(s.normalize(0, infinite), mf::argument_error);
  CHECK(copy(s) == std::vector<float>(4, 0.0f));
}

}  // namespace test_modalities_spectrogram
