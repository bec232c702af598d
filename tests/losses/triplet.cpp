#include "../described/losses.hpp"

namespace test_losses_triplet {

namespace mf = multifuse;

TEST_CASE("triplet loss: gradients, precision, determinism") { check::described<described::triplet_example>(); }

namespace {
using dev = mf::cpu<double>;
using grid = mf::shape<mf::batch<>, mf::width<2>>;
mf::tensor<dev, grid> of(const std::vector<double>& values) { return {grid(mf::isize(values.size()) / 2), values}; }
double number(const auto& y) { return double(y.to_host().at(0)); }
}  // namespace

TEST_CASE("triplet loss is what its definition says") {
  const auto a = of({1, 0, 0, 2}), p = of({2, 0, 3, 4}), n = of({0, 1, 0, 5});
  // cosine distances 0 and 1, then 1 - 0.8 and 0; squared ones 1 and 2, then 13 and 9
  CHECK(number(mf::triplet(a, p, n, {.margin = 0.5})) == doctest::Approx((0 + 0.7) / 2));
  CHECK(number(mf::triplet(a, p, n, {1.5, mf::row_distance::squared})) == doctest::Approx((0.5 + 5.5) / 2));
  CHECK(number(mf::triplet(of({0, 0}), of({1, 2}), of({2, 1}), {.margin = 0.25})) == doctest::Approx(0.25));
}

TEST_CASE("a satisfied triplet has zero gradients, a row of zeros finite ones") {
  mf::tape tape;
  const auto a = mf::watch(tape, of({1, 0})), p = mf::watch(tape, of({1, 0})), n = mf::watch(tape, of({0, 1}));
  mf::backward(mf::triplet(a, p, n));
  CHECK(a.gradient().to_host() == std::vector<double>{0, 0});
  CHECK(n.gradient().to_host() == std::vector<double>{0, 0});
  const auto zero = mf::watch(tape, of({0, 0}));
  mf::backward(mf::triplet(p, zero, n, {.margin = 1}));
  for (double g : zero.gradient().to_host()) CHECK(std::isfinite(g));
}

TEST_CASE("triplet loss refuses what it cannot use") {
  const auto a = of({1, 0});
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(mf::triplet(a, a, of({nan, 1})),
                       "triplet: negative not finite at [batch 0, width 0]; expected a finite number; got nan",
                       mf::argument_error);
  CHECK_THROWS_AS(mf::triplet(a, of({nan, 1}), a), mf::argument_error);
  for (const auto kind : {mf::row_distance::cosine, mf::row_distance::squared}) {
    CHECK_THROWS_AS(mf::triplet(a, a, of({inf, 1}), {1, kind}), mf::argument_error);
    CHECK_THROWS_AS(mf::triplet(of({-inf, 1}), a, a, {1, kind}), mf::argument_error);
  }
  CHECK_THROWS_AS(mf::triplet(a, a, a, {.margin = -1}), mf::argument_error);
  CHECK_THROWS_AS(mf::triplet(a, a, of({1, 2, 3, 4})), mf::shape_error);
}

}  // namespace test_losses_triplet
