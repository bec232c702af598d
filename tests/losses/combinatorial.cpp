#include "../described/missing.hpp"

namespace test_losses_combinatorial {

namespace mf = multifuse;
using D = mf::cpu<double>;
using rows = mf::shape<mf::batch<>, mf::width<2>>;

TEST_CASE("loss over pairs of streams: gradients, precision, determinism") {
  check::described<described::combinatorial_example>();
}

namespace {
mf::tensor<D, rows> of(const std::vector<double>& values) { return {rows(mf::isize(values.size()) / 2), values}; }
mf::tensor<D, mf::shape<mf::batch<>>> flags(const std::vector<double>& values) {
  return {mf::shape<mf::batch<>>(std::ssize(values)), values};
}
const auto norm = [](const auto& x, const auto& y) { return mf::norm_softmax(x, y, 0.5); };
double number(const auto& y) { return y.to_host().at(0); }
}  // namespace

TEST_CASE("items that lack a stream are no negatives either; the mean is one by weights") {
  const auto a = of({1, 0, 5, 5, 3, 4}), b = of({0.4, 0.3, -9, 1, 0, 2}), c = of({2, 1, 1, -1, 0.5, 3});
  const double first = number(norm(of({1, 0, 3, 4}), of({0.4, 0.3, 0, 2}))), second = number(norm(b, c));
  const mf::weighted_pair some{1, a, b, flags({1, 0, 1})}, all{0.5, b, c, flags({1, 1, 1})};
  CHECK(number(mf::combinatorial_loss(norm, some)) == doctest::Approx(first));
  CHECK(number(mf::combinatorial_loss(norm, some, all)) == doctest::Approx((first + 0.5 * second) / 1.5));
  const mf::weighted_pair nobody{7, a, c, flags({0, 0, 0})}, weightless{0, a, c, flags({1, 1, 1})};
  CHECK(number(mf::combinatorial_loss(norm, some, nobody, weightless)) == doctest::Approx(first));
  CHECK(mf::places_of(flags({0, 2, 0, 1})) == std::vector<std::int32_t>{1, 3});
}

TEST_CASE("what was left out gets no gradient") {
  mf::tape tape;
  const auto a = mf::watch(tape, of({1, 0, 5, 5, 3, 4}));
  mf::backward(mf::combinatorial_loss(norm, mf::weighted_pair{1, a, of({0.4, 0.3, -9, 1, 0, 2}), flags({1, 0, 1})}));
  const auto gradient = a.gradient().to_host();
  CHECK(gradient[0] == 0);  // along the vector itself
  CHECK(gradient[1] != 0);
  CHECK(gradient[2] == 0);
  CHECK(gradient[3] == 0);
}

TEST_CASE("a loss over nothing, and negative weights, are refused") {
  const auto a = of({1, 0, 3, 4});
  CHECK_THROWS_AS(mf::combinatorial_loss(norm, mf::weighted_pair{1, a, a, flags({0, 0})}), mf::argument_error);
  CHECK_THROWS_AS(mf::combinatorial_loss(norm, mf::weighted_pair{0, a, a, flags({1, 1})}), mf::argument_error);
  CHECK_THROWS_AS(mf::combinatorial_loss(norm, mf::weighted_pair{-1, a, a, flags({1, 1})}), mf::argument_error);
}

}  // namespace test_losses_combinatorial
