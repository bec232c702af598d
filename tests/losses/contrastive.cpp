#include "../described/losses.hpp"

namespace test_losses_contrastive {

namespace mf = multifuse;

TEST_CASE("contrastive losses: gradients, precision, determinism") {
  check::described<described::contrastive_example>();
}

namespace {

using dev = mf::cpu<double>;
using grid = mf::shape<mf::batch<>, mf::width<2>>;
mf::tensor<dev, grid> of(const std::vector<double>& values) { return {grid(mf::isize(values.size()) / 2), values}; }
double number(const auto& y) { return double(y.to_host().at(0)); }

/// -log of the share of exp(logit of the positive) in row `i`, straight from the definition.
template <class Logit, class Counts>
double naive(Logit logit, std::size_t n, std::size_t i, std::size_t positive, Counts counts) {
  double sum = 0;
  for (std::size_t j = 0; j < n; ++j)
    if (counts(j)) sum += std::exp(logit(i, j));
  return std::log(sum) - logit(i, positive);
}

}  // namespace

TEST_CASE("contrastive losses are what their definitions say") {
  const std::vector<double> a{1, 0, 0.6, 0.8, -1, 0}, b{0.8, 0.6, 0, 1, -0.6, 0.8};
  const auto dot = [](const std::vector<double>& x, std::size_t i, const std::vector<double>& y, std::size_t j) {
    return x[2 * i] * y[2 * j] + x[2 * i + 1] * y[2 * j + 1];
  };
  double rows = 0, columns = 0, all = 0;
  const auto every = [](std::size_t) { return true; };
  for (std::size_t i = 0; i < 3; ++i) {
    rows += naive([&](auto r, auto c) { return dot(a, r, b, c) / 0.2; }, 3, i, i, every) / 3;
    columns += naive([&](auto r, auto c) { return dot(a, c, b, r) / 0.2; }, 3, i, i, every) / 3;
  }
  std::vector<double> z = a;
  z.insert(z.end(), b.begin(), b.end());
  for (std::size_t i = 0; i < 6; ++i)
    all += naive([&](auto r, auto c) { return dot(z, r, z, c) / 0.5; }, 6, i, (i + 3) % 6,
                 [&](auto j) { return j != i; }) /
           6;
  CHECK(number(mf::info_nce(of(a), of(b), {0.2})) == doctest::Approx((rows + columns) / 2));
  CHECK(number(mf::info_nce(of(a), of(b), {0.2, mf::contrast_direction::first_to_second})) == doctest::Approx(rows));
  CHECK(number(mf::nt_xent(of(a), of(b), 0.5)) == doctest::Approx(all));
}

TEST_CASE("contrastive losses survive small temperatures and single pairs") {
  CHECK(number(mf::info_nce(of({1, 0, 0, 1}), of({0, 1, 1, 0}), {1e-4})) == doctest::Approx(1e4));
  CHECK(number(mf::info_nce(of({1, 0}), of({0, 1}))) == doctest::Approx(0));
  CHECK(number(mf::nt_xent(of({1, 0}), of({0, 1}))) == doctest::Approx(0));
}

TEST_CASE("of gathered features each process has the gradients of its own, and their sum is that of all") {
  const std::vector<double> a = {0.3, -1.2, 0.7, 0.4, -0.5, 0.9, 1.1, 0.2};
  const std::vector<double> b = {0.1, -0.8, 0.9, -0.3, 0.2, 1.3, 0.6, 0.5};
  mf::tape tape;
  const auto all_a = mf::watch(tape, of(a)), all_b = mf::watch(tape, of(b));
  mf::backward(mf::info_nce(all_a, all_b, {0.2}));
  const auto expected_a = all_a.gradient().to_host(), expected_b = all_b.gradient().to_host();
  for (const std::ptrdiff_t own : {0, 1}) {  // two processes of two pairs
    const auto half = [](const std::vector<double>& x, std::ptrdiff_t which) {
      return of({x.begin() + 4 * which, x.begin() + 4 * which + 4});
    };
    mf::tape of_process;
    const auto own_a = mf::watch(of_process, half(a, own)), own_b = mf::watch(of_process, half(b, own));
    const auto gathered = [&](const auto& x, const std::vector<double>& others) {
      const auto received = half(others, 1 - own);
      return own == 0 ? mf::concat<mf::batch_axis>(x, received) : mf::concat<mf::batch_axis>(received, x);
    };
    mf::backward(mf::info_nce(gathered(own_a, a), gathered(own_b, b), {0.2}));
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(own_a.gradient().to_host()[i] == doctest::Approx(expected_a[std::size_t(4 * own) + i]));
      CHECK(own_b.gradient().to_host()[i] == doctest::Approx(expected_b[std::size_t(4 * own) + i]));
    }
  }
}

TEST_CASE("contrastive losses refuse what they cannot use") {
  const auto a = of({1, 0, 0, 1});
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(
      mf::info_nce(a, of({1, nan, 0, 1})),
      "info_nce: feature of the second stream not finite at [batch 0, width 1]; expected a finite number; got nan",
      mf::argument_error);
  CHECK_THROWS_AS(mf::info_nce(of({1, -inf, 0, 1}), a), mf::argument_error);
  CHECK_THROWS_AS(mf::nt_xent(a, of({1, 0, inf, 1})), mf::argument_error);
  CHECK_THROWS_AS(mf::info_nce(a, a, {0}), mf::argument_error);
  CHECK_THROWS_AS(mf::nt_xent(a, a, -1), mf::argument_error);
  CHECK_THROWS_AS(mf::info_nce(a, of({1, 0})), mf::shape_error);
  CHECK_THROWS_AS(mf::nt_xent(a, of({1, 0})), mf::shape_error);
}

}  // namespace test_losses_contrastive
