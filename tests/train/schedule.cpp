#include "multifuse/train/schedule.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace mf = multifuse;
namespace schedule = multifuse::schedule;
using doctest::Approx;

// schedules are constant expressions
static_assert(schedule::constant(0.5)(7) == 0.5);
static_assert(schedule::linear_warm_up(4)(1) == 0.25);
static_assert(schedule::step_decay(10, 0.5)(25) == 0.25);
static_assert(schedule::cosine(10)(0) == 1 && schedule::cosine(10)(10) == 0);
static_assert(schedule::warm_up(4, schedule::step_decay(10, 0.5))(14) == 0.5);
static_assert((schedule::linear_warm_up(4) * schedule::constant(0.5))(2) == 0.25);

TEST_CASE("half a cosine agrees with the standard function") {
  for (mf::isize steps : {1, 2, 3, 7, 100, 12345}) {
    const schedule::cosine to_zero(steps), to_tenth(steps, 0.1);
    for (mf::isize step = 0; step <= steps; step += 1 + steps / 97) {
      const double wave = (1 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(steps))) / 2;
      CHECK(std::abs(to_zero(step) - wave) < 1e-15);
      CHECK(std::abs(to_tenth(step) - (0.1 + 0.9 * wave)) < 1e-15);
    }
    CHECK(to_zero(steps + 1) == 0);
    CHECK(to_tenth(10 * steps) == 0.1);
  }
}

TEST_CASE("warm-up rises in a straight line and stays") {
  const schedule::linear_warm_up from_zero(10), from_tenth(10, 0.1);
  CHECK(from_zero(0) == 0);
  CHECK(from_zero(5) == 0.5);
  CHECK(from_zero(10) == 1);
  CHECK(from_zero(1000) == 1);
  CHECK(from_tenth(0) == 0.1);
  CHECK(from_tenth(5) == Approx(0.55));
  CHECK(from_tenth(10) == 1);
}

TEST_CASE("step decay changes at its steps") {
  const schedule::step_decay halving(100, 0.5);
  CHECK(halving(0) == 1);
  CHECK(halving(99) == 1);
  CHECK(halving(100) == 0.5);
  CHECK(halving(199) == 0.5);
  CHECK(halving(200) == 0.25);
  CHECK(halving(1000) == 1.0 / 1024);
  const schedule::step_decay late(10, 0.1, 150);
  CHECK(late(149) == 1);
  CHECK(late(150) == 0.1);
  CHECK(late(159) == 0.1);
  CHECK(late(160) == Approx(0.01));
  CHECK(schedule::step_decay(1, 0.5)(std::numeric_limits<mf::isize>::max() - 1) == 0);
}

TEST_CASE("exponential decay") {
  const schedule::exponential tenth(100, 0.1);
  CHECK(tenth(0) == 1);
  CHECK(tenth(50) == Approx(std::sqrt(0.1)));
  CHECK(tenth(100) == Approx(0.1));
  CHECK(tenth(300) == Approx(0.001));
}

TEST_CASE("a joined warm-up meets what follows without a jump") {
  const schedule::warm_up joined(10, schedule::cosine(20));
  CHECK(joined(0) == 0);
  CHECK(joined(5) == 0.5);
  CHECK(joined(10) == 1);
  CHECK(joined(20) == Approx(0.5));
  CHECK(joined(30) == 0);
  const schedule::warm_up lower(4, schedule::constant(0.5), 0.5);
  CHECK(lower(0) == 0.25);
  CHECK(lower(4) == 0.5);
  const schedule::warm_up own(2, [](mf::isize step) { return 1.0 / static_cast<double>(1 + step); });
  CHECK(own(1) == 0.5);
  CHECK(own(3) == 0.5);
}

TEST_CASE("a product lets both start at once") {
  const auto both = schedule::linear_warm_up(10) * schedule::cosine(20);
  CHECK(both(5) == Approx(0.5 * (1 + std::cos(std::numbers::pi / 4)) / 2));
  CHECK(both(10) == Approx(0.5));
  CHECK(both(20) == 0);
}

TEST_CASE("schedules refuse bad arguments") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinite = std::numeric_limits<double>::infinity();
  for (mf::isize steps : {0, -5}) {
    CHECK_THROWS_AS(schedule::linear_warm_up{steps}, mf::argument_error);
    CHECK_THROWS_AS(schedule::cosine{steps}, mf::argument_error);
    CHECK_THROWS_AS((schedule::step_decay{steps, 0.5}), mf::argument_error);
    CHECK_THROWS_AS((schedule::step_decay{5, 0.5, steps}), mf::argument_error);
    CHECK_THROWS_AS((schedule::exponential{steps, 0.5}), mf::argument_error);
    CHECK_THROWS_AS((schedule::warm_up{steps, schedule::constant()}), mf::argument_error);
  }
  for (double factor : {nan, infinite, -1.0}) {
    CHECK_THROWS_AS(schedule::constant{factor}, mf::argument_error);
    CHECK_THROWS_AS((schedule::linear_warm_up{5, factor}), mf::argument_error);
    CHECK_THROWS_AS((schedule::cosine{5, factor}), mf::argument_error);
    CHECK_THROWS_AS((schedule::step_decay{5, factor}), mf::argument_error);
    CHECK_THROWS_AS((schedule::exponential{5, factor}), mf::argument_error);
  }
  CHECK_THROWS_AS((schedule::exponential{5, 0}), mf::argument_error);
  CHECK_THROWS_AS(schedule::constant()(-1), mf::argument_error);
  CHECK_THROWS_AS(schedule::cosine(5)(-1), mf::argument_error);
  CHECK_THROWS_AS(schedule::step_decay(5, 0.5)(-1), mf::argument_error);
  CHECK_THROWS_AS(schedule::exponential(5, 0.5)(-1), mf::argument_error);
  CHECK_THROWS_AS(schedule::warm_up(5, schedule::cosine(5))(-1), mf::argument_error);
}
