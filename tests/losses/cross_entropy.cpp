#include "../described/losses.hpp"

namespace test_losses_cross_entropy {

namespace mf = multifuse;
using mf::isize;

TEST_CASE("cross-entropy: gradients, precision, determinism") { check::described<described::cross_entropy_example>(); }

namespace {

template <class D, class S> mf::tensor<D, S> of(const S& shape, std::vector<typename D::scalar> values) {
  return {shape, std::span<const typename D::scalar>(values)};
}
using logits_shape = mf::shape<mf::batch<>, mf::width<3>>;
using items = mf::shape<mf::batch<>>;
using dev = mf::cpu<double>;
using ints = mf::cpu<std::int32_t>;

/// -sum over classes of target * log softmax, straight from the definition.
double naive(const std::vector<double>& x, const std::vector<double>& target, std::size_t row, std::size_t classes) {
  double sum = 0, loss = 0;
  for (std::size_t c = 0; c < classes; ++c) sum += std::exp(x[row * classes + c]);
  for (std::size_t c = 0; c < classes; ++c)
    loss -= target[row * classes + c] * std::log(std::exp(x[row * classes + c]) / sum);
  return loss;
}
double number(const auto& y) { return double(y.to_host().at(0)); }

}  // namespace

TEST_CASE("cross-entropy is what its definition says") {
  const std::vector<double> x{1, -2, 0.5, 3, 0, -1}, soft{0.2, 0.5, 0.1, 0.9, 0, 0.3}, hard{0, 0, 1, 0, 1, 0};
  const auto logits = of<dev>(logits_shape(2), x);
  const auto labels = of<ints>(items(2), {2, 1});
  const double first = naive(x, hard, 0, 3), second = naive(x, hard, 1, 3);
  CHECK(number(mf::cross_entropy(logits, labels)) == doctest::Approx((first + second) / 2));
  const double s0 = naive(x, soft, 0, 3), s1 = naive(x, soft, 1, 3);
  CHECK(number(mf::cross_entropy(logits, of<dev>(logits_shape(2), soft))) == doctest::Approx((s0 + s1) / 2));
  CHECK(number(mf::cross_entropy(logits, of<dev>(logits_shape(2), soft), of<dev>(items(2), {3, 0.5}))) ==
        doctest::Approx((3 * s0 + 0.5 * s1) / 3.5));

  std::vector<double> smooth(6);
  for (std::size_t i = 0; i < 6; ++i) smooth[i] = 0.7 * hard[i] + 0.3 / 3;
  const double smoothed = (naive(x, smooth, 0, 3) + naive(x, smooth, 1, 3)) / 2;
  CHECK(number(mf::cross_entropy(logits, labels, {.smoothing = 0.3})) == doctest::Approx(smoothed));
  CHECK(number(mf::cross_entropy(logits, of<dev>(logits_shape(2), hard), {.smoothing = 0.3})) ==
        doctest::Approx(smoothed));
}

TEST_CASE("cross-entropy of huge logits does not overflow") {
  const auto logits = of<mf::cpu<float>>(logits_shape(1), {3e4f, -3e4f, 2.9e4f});
  CHECK(number(mf::cross_entropy(logits, of<ints>(items(1), {0}))) == 0);
  CHECK(number(mf::cross_entropy(logits, of<ints>(items(1), {1}))) == 6e4);
  mf::tape tape;
  const auto x = mf::watch(tape, logits);
  mf::backward(mf::cross_entropy(x, of<ints>(items(1), {1})));
  CHECK(x.gradient().to_host() == std::vector<float>{1, -1, 0});
}

TEST_CASE("targets that depend on variables get no gradient") {
  mf::tape tape;
  const auto x = mf::watch(tape, of<dev>(logits_shape(1), {1, 2, 3}));
  const auto targets = mf::watch(tape, of<dev>(logits_shape(1), {1, 0, 0}));
  mf::backward(mf::cross_entropy(x, targets * 0.5));
  CHECK(x.gradient());
  CHECK_THROWS_AS(targets.gradient(), mf::argument_error);
}

TEST_CASE("cross-entropy refuses what it cannot use") {
  const auto logits = of<dev>(logits_shape(2), {1, -2, 0.5, 3, 0, -1});
  const double inf = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(mf::cross_entropy(logits, of<ints>(items(2), {0, 3})),
                       "cross_entropy: label out of range at [batch 1]; expected 0 ... 2; got 3", mf::argument_error);
  CHECK_THROWS_AS(mf::cross_entropy(logits, of<ints>(items(2), {-1, 0})), mf::argument_error);
  CHECK_THROWS_WITH_AS(
      mf::cross_entropy(of<dev>(logits_shape(2), {1, 2, 3, 4, std::nan(""), 5}), of<ints>(items(2), {0, 1})),
      "cross_entropy: logit not finite at [batch 1, width 1]; expected a finite number; got nan", mf::argument_error);
  CHECK_THROWS_AS(mf::cross_entropy(of<dev>(logits_shape(1), {1, -inf, 3}), of<ints>(items(1), {0})),
                  mf::argument_error);
  CHECK_THROWS_AS(mf::cross_entropy(of<dev>(logits_shape(1), {1, inf, 3}), of<ints>(items(1), {1})),
                  mf::argument_error);
  CHECK_THROWS_AS(mf::cross_entropy(logits, of<dev>(logits_shape(2), {0, 0, std::nan(""), 0, 0, 0})),
                  mf::argument_error);
  CHECK_THROWS_AS(mf::cross_entropy(logits, of<ints>(items(2), {0, 1}), of<dev>(items(2), {0, 0})), mf::argument_error);
  CHECK_THROWS_AS(mf::cross_entropy(logits, of<ints>(items(2), {0, 1}), of<dev>(items(2), {1, std::nan("")})),
                  mf::argument_error);
  CHECK_THROWS_AS(mf::cross_entropy(logits, of<ints>(items(2), {0, 1}), {.smoothing = 1.5}), mf::argument_error);
  CHECK_THROWS_AS(mf::cross_entropy(logits, of<ints>(items(3), {0, 1, 2})), mf::shape_error);
  CHECK_THROWS_AS(mf::cross_entropy(logits, of<ints>(items(2), {0, 1}), of<dev>(items(1), {1})), mf::shape_error);
}

TEST_CASE("the cost of a loss is counted from shapes") {
  constexpr auto flops = [] {
    mf::operation_count count;
    const mf::tensor<mf::meta, mf::shape<mf::batch<4>, mf::width<5>>> x({}, &count);
    mf::cross_entropy(x, mf::tensor<mf::meta, mf::shape<mf::batch<4>>>());
    return count.forward_flops;
  }();
  static_assert(flops == 18 * 20);
}

}  // namespace test_losses_cross_entropy
