#include "../described/losses.hpp"

namespace test_losses_squared_error {

namespace mf = multifuse;

TEST_CASE("squared error: gradients, precision, determinism") { check::described<described::squared_error_example>(); }

namespace {
using dev = mf::cpu<double>;
using grid = mf::shape<mf::batch<>, mf::width<3>>;
template <class S> mf::tensor<dev, S> of(const S& shape, const std::vector<double>& values) { return {shape, values}; }
double number(const auto& y) { return double(y.to_host().at(0)); }
}  // namespace

TEST_CASE("squared error: mean, sum over the last axis, weights") {
  const auto x = of(grid(2), {1, 2, 3, 4, 5, 6}), y = of(grid(2), {0, 2, 5, 4, 4, 9});  // rows of 5 and 10
  const auto weights = of(mf::shape<mf::batch<>>(2), {3, 1});
  CHECK(number(mf::squared_error(x, y)) == doctest::Approx(15.0 / 6));
  CHECK(number(mf::squared_error(x, y, mf::reduction::sum_over_last_axis)) == doctest::Approx(7.5));
  CHECK(number(mf::squared_error(x, y, weights, mf::reduction::sum_over_last_axis)) == doctest::Approx(25.0 / 4));
}

TEST_CASE("squared error gives both sides a gradient, unless one is detached") {
  mf::tape tape;
  const auto x = mf::watch(tape, of(grid(1), {1, 2, 3})), y = mf::watch(tape, of(grid(1), {1, 0, 0}));
  mf::backward(mf::squared_error(x, mf::detach(y)));
  CHECK_THROWS_AS(y.gradient(), mf::argument_error);
  CHECK(x.gradient().to_host()[2] == doctest::Approx(2));
  mf::backward(mf::squared_error(x, y));
  CHECK(y.gradient().to_host()[2] == doctest::Approx(-2));
  CHECK(x.gradient().to_host()[2] == doctest::Approx(4));  // added up
}

TEST_CASE("squared error refuses what it cannot use") {
  const auto x = of(grid(1), {1, 2, 3});
  CHECK_THROWS_WITH_AS(mf::squared_error(of(grid(1), {1, 2, std::nan("")}), x),
                       "squared_error: prediction not finite at [batch 0, width 2]; expected a finite number; got nan",
                       mf::argument_error);
  CHECK_THROWS_AS(mf::squared_error(x, of(grid(1), {1, HUGE_VAL, 3})), mf::argument_error);
  CHECK_THROWS_AS(mf::squared_error(x, of(grid(2), {1, 2, 3, 4, 5, 6})), mf::shape_error);
}

}  // namespace test_losses_squared_error
