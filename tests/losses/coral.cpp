#include "../described/alignment_losses.hpp"

namespace test_losses_coral {

namespace mf = multifuse;

TEST_CASE("CORAL: gradients, precision, determinism") { check::described<described::coral_example>(); }

namespace {
using dev = mf::cpu<double>;
using sample = mf::tensor<dev, mf::shape<mf::batch<>, mf::width<2>>>;
sample of(const std::vector<double>& values) { return {sample::shape_type(mf::isize(values.size()) / 2), values}; }
double number(const auto& y) { return double(y.to_host().at(0)); }
}  // namespace

TEST_CASE("CORAL compares means and covariances") {
  // means (1, 0) and (0, 0), covariances ((2, 0), (0, 0)) and ((2, 2), (2, 2))
  CHECK(number(mf::coral(of({0, 0, 2, 0}), of({1, 1, -1, -1}))) == doctest::Approx(0.5 + 12.0 / 4));
  CHECK(number(mf::coral(of({0, 0, 2, 0}), of({2, 0, 0, 0}))) == doctest::Approx(0));
}

TEST_CASE("a sample without a covariance is refused") {
  CHECK_THROWS_WITH_AS(mf::coral(of({0, 0, 1, 2}), of({1, 2})), doctest::Contains("too few rows"), mf::argument_error);
}

}  // namespace test_losses_coral
