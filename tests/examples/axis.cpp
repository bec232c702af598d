#include "support/axis.hpp"

#include <doctest/doctest.h>

namespace test_examples_axis {

using namespace examples;

namespace {
std::string labels(const axis_scale& scale) {
  std::string all;
  for (const axis_tick& tick : scale.ticks()) all += tick.label + " ";
  return all;
}
}  // namespace

TEST_CASE("linear axes widen to round ticks and map them to pixels") {
  const axis_scale scale({}, {3, 97}, 100, 500);
  CHECK(labels(scale) == "0 20 40 60 80 100 ");
  CHECK(scale(0) == doctest::Approx(100));
  CHECK(scale(100) == doctest::Approx(500));
  CHECK(scale(50) == doctest::Approx(300));
  CHECK(labels(axis_scale({}, {0, 48000}, 0, 400)) == "0 10k 20k 30k 40k 50k ");
}

TEST_CASE("fixed ends are kept and what lies beyond is not shown") {
  const axis_scale scale({.from = 0.5, .to = 1}, {0, 3}, 0, 100);
  CHECK(scale(0.5) == doctest::Approx(0));
  CHECK(scale(1) == doctest::Approx(100));
  CHECK(scale.shows(0.75));
  CHECK_FALSE(scale.shows(1.1));
}

TEST_CASE("logarithmic axes") {
  const axis_scale wide({"", true}, {1e3, 1e9}, 0, 600);
  CHECK(labels(wide) == "1k 10k 100k 1M 10M 100M 1G ");
  CHECK(wide(1e6) == doctest::Approx(300));
  CHECK(labels(axis_scale({"", true}, {64, 400}, 0, 600)) == "100 200 ");
  CHECK_FALSE(wide.shows(-1));
  CHECK_THROWS_AS(axis_scale({"x", true}, {0, 10}, 0, 1), multifuse::argument_error);
}

TEST_CASE("no data, one value and values that are not finite still give an axis") {
  CHECK(labels(axis_scale({}, {}, 0, 400)) != "");
  CHECK(labels(axis_scale({"", true}, {}, 0, 400)) != "");
  const axis_scale single({}, {5, 5}, 0, 400);
  CHECK(single(5) == doctest::Approx(200));
  value_range range;
  range.include(none);
  range.include(2);
  range.include(std::numeric_limits<double>::infinity());
  CHECK(range.low == 2);
  CHECK(range.high == 2);
}

TEST_CASE("a long legend takes several rows") {
  double y = 0;
  legend({{"one", 0, true}}, 600, y);
  const double single = y;
  y = 0;
  legend(std::vector<legend_entry>(20, {"a name of some length", 0, true}), 600, y);
  CHECK(y > 4 * single);
}

}  // namespace test_examples_axis
