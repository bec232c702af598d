#include <multifuse/modalities/packed_log_mel.hpp>

#include <doctest/doctest.h>

namespace test_modalities_packed_log_mel {

namespace mf = multifuse;
using mf::isize;

namespace {
std::vector<float> tone(double hertz, double size, isize samples = 1600) {
  std::vector<float> wave;
  for (isize i = 0; i < samples; ++i)
    wave.push_back(float(size * std::sin(2 * std::numbers::pi * hertz * double(i) / 16000)));
  return wave;
}
}  // namespace

TEST_CASE("a tone shows in the filter whose center it is, and twice the size is four times the energy") {
  const mf::packed_log_mel transform;
  const double top = 1127 * std::log(1 + 8000.0 / 700);
  for (const isize bin : {5, 12, 20, 30, 37}) {
    // the grid of filters has 129 places where the transform has 128
    const double center = 700 * (std::exp(top * double(bin + 1) / 41 / 1127) - 1) * 129 / 128;
    const auto quiet = transform(tone(center, 0.1)), loud = transform(tone(center, 0.2));
    CHECK(quiet.frames() == 9);
    const auto frame = quiet.frame(4);
    CHECK(std::max_element(frame.begin(), frame.end()) - frame.begin() == bin);
    CHECK(loud.frame(4)[std::size_t(bin)] - frame[std::size_t(bin)] == doctest::Approx(std::log(4.0)));
  }
}

TEST_CASE("a constant and the highest frequency meet in bin 0; silence is 0 and quiet is linear") {
  const mf::packed_log_mel transform({.scale = 1});
  std::vector<float> highest;
  for (int i = 0; i < 256; ++i) highest.push_back(i % 2 ? -1.0f : 1.0f);
  const std::vector<float> constant(256, 1.0f), silence(256, 0.0f);
  const auto high = transform(highest), low = transform(constant);
  CHECK(high.frame(0)[0] == doctest::Approx(low.frame(0)[0]).epsilon(0.1));
  CHECK(low.frame(0)[0] > 5);
  CHECK(transform(silence).frame(0)[7] == 0);
  const auto once = transform(tone(1000, 1e-3, 256)), twice = transform(tone(1000, 2e-3, 256));
  for (std::size_t b = 0; b < 40; ++b) CHECK(twice.frame(0)[b] == doctest::Approx(4 * once.frame(0)[b]));
}

TEST_CASE("frames, and what is refused") {
  const mf::packed_log_mel transform;
  CHECK(transform.frames(255) == 0);
  CHECK(transform.frames(256) == 1);
  CHECK(transform.frames(415) == 1);
  CHECK(transform.frames(416) == 2);
  CHECK_THROWS_AS(transform(std::vector<float>(255)), mf::argument_error);
  CHECK_THROWS_AS(transform(std::vector<float>(300, NAN)), mf::argument_error);
  CHECK_THROWS_AS(mf::packed_log_mel({.frame_length = 255}), mf::argument_error);
  CHECK_THROWS_AS(mf::packed_log_mel({.frame_shift = 0}), mf::argument_error);
  CHECK_THROWS_AS(mf::packed_log_mel({.bins = 0}), mf::argument_error);
  CHECK_THROWS_AS(mf::packed_log_mel({.sample_rate = 0}), mf::argument_error);
}

}  // namespace test_modalities_packed_log_mel
