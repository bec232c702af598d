#include "../described/normalize.hpp"

namespace test_ops_normalize {

namespace mf = multifuse;
using D = mf::cpu<double>;

TEST_CASE("l2_normalize: gradients, precision, determinism") { check::described<described::l2_normalize_example>(); }

TEST_CASE("l2_normalize: rows of length 1, short rows divided by epsilon") {
  using S = mf::shape<mf::batch<>, mf::width<2>>;
  const mf::tensor<D, S> x(S(4), std::vector<double>{3, 4, 0.3, -0.4, 0, 0, -1.2, 1.6});
  const auto y = mf::l2_normalize(x, 2).to_host();
  const std::vector<double> expected{0.6, 0.8, 0.15, -0.2, 0, 0, -0.6, 0.8};
  for (std::size_t i = 0; i < 8; ++i) CHECK(y[i] == doctest::Approx(expected[i]).epsilon(1e-15));
  for (std::size_t i = 4; i < 6; ++i) CHECK(mf::l2_normalize(x).to_host()[i] == 0);
}

TEST_CASE("l2_normalize: the gradient at zero is finite") {
  mf::tape tape;
  const auto x = mf::watch(tape, mf::zeros<D>(mf::shape<mf::width<2>>{}));
  mf::backward(mf::sum(mf::l2_normalize(x, 0.5)));
  CHECK(x.gradient().to_host() == std::vector<double>{2, 2});
}

TEST_CASE("l2_normalize refuses an epsilon that divides by nothing") {
  const auto x = mf::zeros<D>(mf::shape<mf::width<2>>{});
  CHECK_THROWS_WITH_AS(mf::l2_normalize(x, 0),
                       "l2_normalize: unusable epsilon; expected a positive number; got 0.000000", mf::argument_error);
  CHECK_THROWS_AS(mf::l2_normalize(x, std::nan("")), mf::argument_error);
}

}  // namespace test_ops_normalize
