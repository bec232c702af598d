#include "multifuse/modalities/log_mel.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

namespace test_modalities_log_mel {

namespace mf = multifuse;

namespace {

template <mf::log_mel_config Config>
struct fixed_front_end {
  static constexpr mf::isize frames = Config.frames(16000);
};
static_assert(fixed_front_end<mf::log_mel_config{}>::frames == 98);
static_assert(fixed_front_end<mf::log_mel_config{.frame_shift_ms = 5.2, .bins = 192}>::frames == 188);
static_assert(mf::log_mel_config{}.frame_length() == 400 && mf::log_mel_config{}.points() == 512);
static_assert(mf::log_mel_config{}.frames(399) == 0 && mf::log_mel_config{}.frames(400) == 1 &&
              mf::log_mel_config{}.frames(559) == 1 && mf::log_mel_config{}.frames(560) == 2);

std::vector<float> noise(std::size_t samples, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> wave(samples);
  for (float& x : wave) x = 0.1f + 0.3f * normal(random);
  return wave;
}

// The whole chain in double precision, from its definition: a plain Fourier sum and triangles over all bins.
std::vector<double> by_definition(const std::vector<float>& wave, const mf::log_mel_config& c) {
  const auto length = static_cast<std::size_t>(c.sample_rate * c.frame_length_ms / 1000);
  const auto shift = static_cast<std::size_t>(c.sample_rate * c.frame_shift_ms / 1000);
  std::size_t points = 1;
  while (points < length) points *= 2;
  const auto mel = [](double hertz) { return 1127 * std::log1p(hertz / 700); };
  const double low = mel(c.low_hz), high = mel(c.high_hz == 0 ? c.sample_rate / 2 : c.high_hz);
  const double step = (high - low) / static_cast<double>(c.bins + 1), turn = 2 * std::numbers::pi;
  std::vector<double> out;
  for (std::size_t start = 0; start + length <= wave.size(); start += shift) {
    std::vector<double> frame(wave.begin() + static_cast<mf::isize>(start),
                              wave.begin() + static_cast<mf::isize>(start + length));
    double mean = 0;
    for (double x : frame) mean += x / static_cast<double>(length);
    if (c.remove_frame_mean)
      for (double& x : frame) x -= mean;
    for (std::size_t i = length; i-- > 0;) frame[i] -= c.preemphasis * frame[i == 0 ? 0 : i - 1];
    for (std::size_t i = 0; i < length; ++i) {
      const double x = static_cast<double>(i), n = static_cast<double>(length);
      switch (c.window) {
        case mf::window_function::rectangular:
          break;
        case mf::window_function::symmetric_hann:
          frame[i] *= 0.5 - 0.5 * std::cos(turn * x / (n - 1));
          break;
        case mf::window_function::periodic_hann:
          frame[i] *= 0.5 - 0.5 * std::cos(turn * x / n);
          break;
        case mf::window_function::symmetric_hamming:
          frame[i] *= 0.54 - 0.46 * std::cos(turn * x / (n - 1));
          break;
        case mf::window_function::periodic_hamming:
          frame[i] *= 0.54 - 0.46 * std::cos(turn * x / n);
          break;
      }
    }
    std::vector<double> spectrum;
    for (std::size_t k = 0; k < points / 2; ++k) {
      double re = 0, im = 0;
      for (std::size_t i = 0; i < length; ++i) {
        const double angle = turn * static_cast<double>(k * i % points) / static_cast<double>(points);
        re += frame[i] * std::cos(angle);
        im += frame[i] * std::sin(angle);
      }
      spectrum.push_back(c.power ? re * re + im * im : std::hypot(re, im));
    }
    for (mf::isize b = 0; b < c.bins; ++b) {
      const double peak = low + static_cast<double>(b + 1) * step;
      double energy = 0;
      for (std::size_t k = 0; k < spectrum.size(); ++k) {
        const double at = mel(static_cast<double>(k) * c.sample_rate / static_cast<double>(points));
        energy += std::max(0.0, 1 - std::abs(at - peak) / step) * spectrum[k];
      }
      out.push_back(std::log(std::max(energy, c.floor)));
    }
  }
  return out;
}

void compare(const mf::log_mel_config& config, std::size_t samples, unsigned seed) {
  const auto wave = noise(samples, seed);
  const auto got = mf::log_mel(config)(wave);
  const auto expected = by_definition(wave, config);
  REQUIRE(got.values().size() == expected.size());
  REQUIRE(got.frames() == config.frames(static_cast<mf::isize>(samples)));
  REQUIRE(got.bins() == config.bins);
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) worst = std::max(worst, std::abs(got.values()[i] - expected[i]));
  CHECK(worst < 1e-3);  // single-precision weights of narrow filters; most values agree to 1e-6
}

}  // namespace

TEST_CASE("log-mel agrees with its definition") {
  using enum mf::window_function;
  SUBCASE("Kaldi filter bank") { compare({}, 2000, 1); }
  SUBCASE("fractional shift, many narrow filters") { compare({.frame_shift_ms = 5.2, .bins = 192}, 1500, 2); }
  SUBCASE("ordinary log-mel") {
    compare({.window = periodic_hamming, .preemphasis = 0, .remove_frame_mean = false}, 1500, 3);
  }
  SUBCASE("speech at 8 kHz, band limited, magnitudes") {
    compare({.sample_rate = 8000,
             .frame_length_ms = 32,
             .frame_shift_ms = 12.5,
             .bins = 32,
             .low_hz = 125,
             .high_hz = 3800,
             .window = symmetric_hamming,
             .power = false,
             .floor = 0.01},
            3000, 4);
  }
  SUBCASE("rectangular and periodic Hann windows") {
    compare({.bins = 20, .window = rectangular}, 900, 5);
    compare({.bins = 20, .window = periodic_hann}, 900, 6);
  }
  SUBCASE("a single bin") { compare({.bins = 1}, 400, 7); }
}

TEST_CASE("silence lies at the floor and a tone in its filter") {
  const auto silence = mf::log_mel({.bins = 40})(std::vector<float>(1000, 0.25f));
  for (float value : silence.values()) CHECK(value == doctest::Approx(-23 * std::numbers::ln2));

  const double hertz = 1000, mel_low = 1127 * std::log1p(20 / 700.0), mel_high = 1127 * std::log1p(8000 / 700.0);
  std::vector<float> tone(800);
  for (std::size_t i = 0; i < tone.size(); ++i)
    tone[i] = static_cast<float>(std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / 16000));
  const auto picture = mf::log_mel({.bins = 40})(tone);
  const double place = (1127 * std::log1p(hertz / 700) - mel_low) / ((mel_high - mel_low) / 41) - 1;
  for (mf::isize f = 0; f < picture.frames(); ++f) {
    const auto frame = picture.frame(f);
    CHECK(std::abs(static_cast<double>(std::max_element(frame.begin(), frame.end()) - frame.begin()) - place) <= 1);
  }
}

TEST_CASE("enormous and tiny samples stay finite") {
  for (float scale : {1e-38f, 1e37f}) {
    auto wave = noise(400, 8);
    for (float& x : wave) x *= scale;
    const auto picture = mf::log_mel({.bins = 24})(wave);
    for (float value : picture.values()) CHECK(std::isfinite(value));
  }
}

TEST_CASE("log-mel refuses bad waveforms") {
  const mf::log_mel front_end;
  CHECK_THROWS_AS(front_end({}), mf::argument_error);
  CHECK_THROWS_AS(front_end(std::vector<float>(399)), mf::argument_error);
  CHECK_NOTHROW(front_end(std::vector<float>(400)));
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> wave(500);
    wave[499] = bad;  // beyond the last whole frame, and refused all the same
    CHECK_THROWS_AS(front_end(wave), mf::argument_error);
  }
}

TEST_CASE("log-mel refuses bad configurations") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinite = std::numeric_limits<double>::infinity();
  using config = mf::log_mel_config;
  for (const config& bad : {
           config{.sample_rate = 0},
           config{.sample_rate = -16000},
           config{.sample_rate = nan},
           config{.sample_rate = infinite},
           config{.frame_length_ms = 0},
           config{.frame_length_ms = 0.1},
           config{.frame_length_ms = nan},
           config{.frame_length_ms = 1e12},
           config{.frame_shift_ms = 0},
           config{.frame_shift_ms = -10},
           config{.frame_shift_ms = 0.06},
           config{.frame_shift_ms = infinite},
           config{.bins = 0},
           config{.bins = -1},
           config{.bins = 1 << 20},
           config{.low_hz = -1},
           config{.low_hz = 8000},
           config{.low_hz = nan},
           config{.high_hz = 8001},
           config{.high_hz = 20},
           config{.high_hz = -5},
           config{.high_hz = nan},
           config{.preemphasis = nan},
           config{.floor = 0},
           config{.floor = nan},
           config{.floor = infinite},
       })
    CHECK_THROWS_AS(mf::log_mel{bad}, mf::argument_error);
  try {
    mf::log_mel{config{.bins = 0}};
    FAIL("accepted");
  } catch (const mf::argument_error& error) {
    CHECK(std::string(error.what()) == "log_mel: unusable number of bins; expected 1 ... 65536; got 0");
  }
}

}  // namespace test_modalities_log_mel
