#include "multifuse/train/schedule.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <multifuse/io/checkpoint.hpp>
#include <vector>

#include "io/scratch_directory.hpp"

namespace test_train_schedule {

namespace mf = multifuse;
namespace schedule = multifuse::schedule;
using doctest::Approx;

// schedules are constant expressions
static_assert(schedule::constant(0.5)(7) == 0.5);
static_assert(schedule::linear_warm_up(4)(1) == 0.25);
static_assert(schedule::linear_warm_up(4, 1, 3)(1) == 1.5 && schedule::linear_warm_up(4, 1, 3)(9) == 3);
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

TEST_CASE("both ends may be anything: a temperature that rises, a momentum that approaches 1") {
  const schedule::linear_warm_up temperature(30, 0.04, 0.06);
  CHECK(temperature(0) == 0.04);
  CHECK(temperature(15) == Approx(0.05));
  CHECK(temperature(29) == Approx(0.04 + 0.02 * 29 / 30));
  CHECK(temperature(800) == 0.06);
  const schedule::linear_warm_up falling(4, 3, 1);
  CHECK(falling(1) == 2.5);
  const schedule::cosine momentum(800, 0.997, 1);
  CHECK(momentum(0) == Approx(0.997).epsilon(1e-15));
  CHECK(momentum(200) == Approx(1 - 0.003 * (1 + std::sqrt(0.5)) / 2).epsilon(1e-15));  // a quarter: cos(pi / 4)
  CHECK(momentum(400) == Approx(0.9985).epsilon(1e-15));
  CHECK(momentum(799) < 1);
  CHECK(momentum(800) == 1);
}

namespace {

/// The factors after each of some observations.
std::vector<double> factors(schedule::plateau& rate, const std::vector<double>& observed) {
  std::vector<double> found;
  for (const double metric : observed) rate.observe(metric), found.push_back(rate(0));
  return found;
}
std::vector<double> factors(const schedule::plateau_options& options, const std::vector<double>& observed) {
  schedule::plateau rate(options);
  return factors(rate, observed);
}
using list = std::vector<double>;

}  // namespace

TEST_CASE("a plateau reduces the rate at the observation that exceeds patience") {
  // two without improvement are put up with, the third reduces and the count starts again
  CHECK(factors({.factor = 0.5, .patience = 2}, {3, 2, 2, 2, 2, 2, 2, 2}) == list{1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25});
  // an improvement starts the count again, a relapse does not change the best
  CHECK(factors({.factor = 0.5, .patience = 1}, {3, 4, 2, 3, 2.5, 2.5}) == list{1, 1, 1, 1, 0.5, 0.5});
  CHECK(factors({.factor = 0.5, .patience = 0}, {1, 1, 1}) == list{1, 0.5, 0.25});
  CHECK(factors({.patience = 0}, {1, 1}) == list{1, 0.1});
  schedule::plateau published;
  const list first_eleven(11, 1.0);  // the first is the best, ten are put up with
  CHECK(factors(published, first_eleven) == first_eleven);
  CHECK(published.observe(1) == 1);
  CHECK(published(0) == 0.1);
  CHECK(published.best() == 1);
}

TEST_CASE("a plateau tells improvement by a share of the best or by an amount, downwards or upwards") {
  using enum schedule::better;
  const auto reduced = [](const schedule::plateau_options& options, double first, double second) {
    return factors(options, {first, second}).back() < 1;
  };
  const schedule::plateau_options tenth{.patience = 0, .threshold = 0.1};
  const schedule::plateau_options amount{.patience = 0, .threshold = 0.1, .relative = false};
  CHECK(reduced(tenth, 20, 18.5));  // an improvement is below 18
  CHECK_FALSE(reduced(tenth, 20, 17.5));
  CHECK(reduced(tenth, -20, -21.5));  // below -22
  CHECK_FALSE(reduced(tenth, -20, -22.5));
  CHECK(reduced(amount, 20, 19.95));
  CHECK_FALSE(reduced(amount, 20, 19.85));
  const schedule::plateau_options up{.direction = higher, .patience = 0, .threshold = 0.1};
  CHECK(reduced(up, 20, 21.5));
  CHECK_FALSE(reduced(up, 20, 22.5));
  CHECK(reduced({.direction = higher, .patience = 0, .threshold = 0.1, .relative = false}, 20, 20.05));
  CHECK_FALSE(reduced({.direction = higher, .patience = 0, .threshold = 0.1, .relative = false}, 20, 20.15));
  CHECK(reduced(tenth, 20, 20));
  CHECK(reduced(tenth, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()));
}

TEST_CASE("a plateau waits after a reduction and stops at the least factor") {
  // reduced by the second 1; two observations cool down, the next reduces again
  CHECK(factors({.factor = 0.5, .patience = 0, .cooldown = 2}, {1, 1, 1, 1, 1, 1, 1, 1}) ==
        list{1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125});
  CHECK(factors({.factor = 0.5, .patience = 0, .least = 0.3}, {1, 1, 1, 1}) == list{1, 0.5, 0.3, 0.3});
  CHECK(factors({.factor = 0.5, .patience = 0, .least = 2}, {1, 1}) == list{1, 1});
}

TEST_CASE("a plateau goes on from a checkpoint as if nothing had happened, also before the first observation") {
  const scratch_directory folder;
  const auto path = folder / "run.safetensors";
  const schedule::plateau_options options{.factor = 0.5, .patience = 1, .cooldown = 1};
  const list observed{3, 3, 2, 2.5, 2.5, 2.5, 2.2, 2.2, 1.5, 1.6, 1.6, 1.6};
  const list uninterrupted = factors(options, observed);
  CHECK(uninterrupted == list{1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125});
  for (std::size_t stop = 0; stop <= observed.size(); ++stop) {
    schedule::plateau first(options), second(options);
    list found = factors(first, {observed.begin(), observed.begin() + std::ptrdiff_t(stop)});
    mf::save_checkpoint(path, "rate", first);
    second.observe(0.001);  // what it was before is forgotten
    mf::load_checkpoint(path, "rate", second);
    const list rest = factors(second, {observed.begin() + std::ptrdiff_t(stop), observed.end()});
    found.insert(found.end(), rest.begin(), rest.end());
    CHECK(found == uninterrupted);
  }
}

TEST_CASE("a plateau joins other schedules by reference") {
  schedule::plateau rate({.factor = 0.5, .patience = 0});
  const schedule::warm_up joined(2, std::cref(rate));
  CHECK(joined(1) == 0.5);
  CHECK(joined(5) == 1);
  factors(rate, {1, 1});
  CHECK(joined(1) == 0.25);
  CHECK(joined(5) == 0.5);
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
    CHECK_THROWS_AS((schedule::linear_warm_up{5, 0, factor}), mf::argument_error);
    CHECK_THROWS_AS((schedule::cosine{5, factor}), mf::argument_error);
    CHECK_THROWS_AS((schedule::cosine{5, factor, 1}), mf::argument_error);
    CHECK_THROWS_AS((schedule::plateau{{.factor = factor}}), mf::argument_error);
    CHECK_THROWS_AS((schedule::plateau{{.threshold = factor}}), mf::argument_error);
    CHECK_THROWS_AS((schedule::plateau{{.least = factor}}), mf::argument_error);
    CHECK_THROWS_AS((schedule::step_decay{5, factor}), mf::argument_error);
    CHECK_THROWS_AS((schedule::exponential{5, factor}), mf::argument_error);
  }
  CHECK_THROWS_AS((schedule::exponential{5, 0}), mf::argument_error);
  CHECK_THROWS_AS((schedule::plateau{{.factor = 1}}), mf::argument_error);
  CHECK_THROWS_AS((schedule::plateau{{.patience = -1}}), mf::argument_error);
  CHECK_THROWS_AS((schedule::plateau{{.cooldown = -1}}), mf::argument_error);
  CHECK_THROWS_AS(schedule::plateau().observe(nan), mf::argument_error);
  CHECK_THROWS_AS(schedule::plateau()(-1), mf::argument_error);
  CHECK_THROWS_AS(schedule::constant()(-1), mf::argument_error);
  CHECK_THROWS_AS(schedule::cosine(5)(-1), mf::argument_error);
  CHECK_THROWS_AS(schedule::step_decay(5, 0.5)(-1), mf::argument_error);
  CHECK_THROWS_AS(schedule::exponential(5, 0.5)(-1), mf::argument_error);
  CHECK_THROWS_AS(schedule::warm_up(5, schedule::cosine(5))(-1), mf::argument_error);
}

}  // namespace test_train_schedule
