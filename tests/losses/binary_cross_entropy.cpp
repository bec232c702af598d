#include "../described/losses.hpp"

namespace test_losses_binary_cross_entropy {

namespace mf = multifuse;

TEST_CASE("binary cross-entropy: gradients, precision, determinism") {
  check::described<described::binary_cross_entropy_example>();
}

namespace {

using dev = mf::cpu<double>;
using grid = mf::shape<mf::batch<>, mf::width<3>>;
using items = mf::shape<mf::batch<>>;
template <class S> mf::tensor<dev, S> of(const S& shape, const std::vector<double>& values) { return {shape, values}; }
double number(const auto& y) { return double(y.to_host().at(0)); }
double naive(double p, double y) { return -y * std::log(p) - (1 - y) * std::log(1 - p); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

TEST_CASE("binary cross-entropy is what its definition says") {
  const std::vector<double> x{1, -2, 0.5, 3, 0, -1}, y{1, 0, 1, 0.25, 0, 1};
  const auto logits = of(grid(2), x), targets = of(grid(2), y);
  double each[2] = {0, 0}, smooth[2] = {0, 0};
  for (std::size_t i = 0; i < 6; ++i) {
    each[i / 3] += naive(sigmoid(x[i]), y[i]);
    smooth[i / 3] += naive(sigmoid(x[i]), 0.7 * y[i] + 0.1);
  }
  CHECK(number(mf::binary_cross_entropy(logits, targets)) == doctest::Approx((each[0] + each[1]) / 6));
  CHECK(number(mf::binary_cross_entropy(logits, targets, {mf::reduction::sum_over_last_axis, 0.3})) ==
        doctest::Approx((smooth[0] + smooth[1]) / 2));
  const auto weights = of(items(2), {1, 0});  // the second sample is padding
  CHECK(number(mf::binary_cross_entropy(logits, targets, weights, {mf::reduction::sum_over_last_axis})) ==
        doctest::Approx(each[0]));
  CHECK(number(mf::binary_cross_entropy(logits, targets, weights)) == doctest::Approx(each[0] / 3));
}

TEST_CASE("binary cross-entropy stays finite where a probability rounds to 0 or 1") {
  const auto logits = of(grid(1), {800, -800, 800}), targets = of(grid(1), {1, 0, 0});
  CHECK(number(mf::binary_cross_entropy(logits, targets)) == doctest::Approx(800.0 / 3));
  mf::tape tape;
  const auto x = mf::watch(tape, logits);
  mf::backward(mf::binary_cross_entropy(x, targets));
  CHECK(x.gradient().to_host() == std::vector<double>{0, 0, 1.0 / 3});

  const auto probabilities = of(grid(1), {1, 0, 0.5});
  CHECK(number(mf::binary_cross_entropy_of_probabilities(probabilities, of(grid(1), {0, 0, 1}))) ==
        doctest::Approx((100 + 0 + std::log(2)) / 3));
}

TEST_CASE("binary cross-entropy refuses what it cannot use") {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  const auto targets = of(grid(1), {1, 0, 0});
  CHECK_THROWS_WITH_AS(
      mf::binary_cross_entropy(of(grid(1), {1, nan, 3}), targets),
      "binary_cross_entropy: logit not finite at [batch 0, width 1]; expected a finite number; got nan",
      mf::argument_error);
  for (const double bad : {inf, -inf}) {
    CHECK_THROWS_AS(mf::binary_cross_entropy(of(grid(1), {bad, 1, 3}), targets), mf::argument_error);
    CHECK_THROWS_AS(mf::binary_cross_entropy(of(grid(1), {1, 1, bad}), targets), mf::argument_error);
  }
  CHECK_THROWS_AS(mf::binary_cross_entropy(targets, of(grid(1), {1, nan, 3})), mf::argument_error);
  CHECK_THROWS_AS(mf::binary_cross_entropy(targets, targets, of(items(1), {0})), mf::argument_error);
  CHECK_THROWS_AS(mf::binary_cross_entropy(targets, targets, {mf::reduction::mean, -0.5}), mf::argument_error);
  CHECK_THROWS_AS(mf::binary_cross_entropy(targets, of(grid(2), {1, 2, 3, 4, 5, 6})), mf::shape_error);
  CHECK_THROWS_WITH_AS(
      mf::binary_cross_entropy_of_probabilities(of(grid(1), {0.5, 1.25, 0}), targets),
      "binary_cross_entropy_of_probabilities: probability out of range at [batch 0, width 1]; expected a "
      "number in [0, 1]; got 1.250000",
      mf::argument_error);
  CHECK_THROWS_AS(mf::binary_cross_entropy_of_probabilities(of(grid(1), {-0.5, 1, 0}), targets), mf::argument_error);
}

}  // namespace test_losses_binary_cross_entropy
