#include "../described/alignment_losses.hpp"

namespace test_losses_mean_discrepancy {

namespace mf = multifuse;

TEST_CASE("mean discrepancy: gradients, precision, determinism") {
  check::described<described::mean_discrepancy_example>();
}

namespace {
using dev = mf::cpu<double>;
using sample = mf::tensor<dev, mf::shape<mf::batch<>, mf::width<2>>>;
sample of(const std::vector<double>& values) { return {sample::shape_type(mf::isize(values.size()) / 2), values}; }
double number(const auto& y) { return double(y.to_host().at(0)); }
}  // namespace

TEST_CASE("mean discrepancy is what its definition says") {
  const sample x = of({0, 0, 1, 2}), y = of({2, 0, 0, 1, 3, 3});
  const std::array<double, 7> precisions{0.1, 0.5, 0, 0, 0, 0, 0};
  const auto kernel = [&](const sample& a, int i, const sample& b, int j) {
    const double u = a.data()[2 * i] - b.data()[2 * j], v = a.data()[2 * i + 1] - b.data()[2 * j + 1];
    return std::exp(-0.1 * (u * u + v * v)) + std::exp(-0.5 * (u * u + v * v));
  };
  double expected = 0;
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) expected += kernel(x, i, x, j) / 4;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) expected += kernel(y, i, y, j) / 9;
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j) expected -= kernel(x, i, y, j) / 3;
  CHECK(number(mf::mean_discrepancy(x, y, {precisions})) == doctest::Approx(expected));
  CHECK(std::abs(number(mf::mean_discrepancy(x, x))) < 1e-15);
  CHECK(number(mf::mean_discrepancy(x, y)) == doctest::Approx(number(mf::mean_discrepancy(y, x))));
}

TEST_CASE("samples that cannot be compared are refused") {
  const sample x = of({0, 0, 1, 2});
  CHECK_THROWS_AS(mf::mean_discrepancy(x, of({1, std::nan("")})), mf::argument_error);
  CHECK_THROWS_AS(mf::mean_discrepancy(x, of({1, std::numeric_limits<double>::infinity()})), mf::argument_error);
  CHECK_THROWS_AS(mf::mean_discrepancy(x, x, {{-1, 0, 0, 0, 0, 0, 0}}), mf::argument_error);
}

}  // namespace test_losses_mean_discrepancy
