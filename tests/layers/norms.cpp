#include "../described/norms.hpp"

namespace test_layers_norms {

namespace mf = multifuse;
using D = mf::cpu<double>;
using S = mf::shape<mf::batch<>, mf::width<1>>;

TEST_CASE("layer norm: gradients, precision, determinism") { check::described<described::layer_norm_example>(); }

TEST_CASE("batch norm: gradients, precision, determinism") {
  check::described<described::batch_norm_training_example>();
  check::described<described::batch_norm_evaluation_example>();
}

TEST_CASE("batch norm follows its batches with running statistics") {
  mf::batch_norm<D, 1> norm;
  mf::initialize(norm, 1);
  const mf::tensor<D, S> x(S(4), std::vector<double>{1, 2, 3, 6});
  mf::tape tape({.training = true});
  const auto y = norm(mf::record(tape, x)).value().to_host();
  CHECK(y[0] == doctest::Approx(-2 / std::sqrt(3.5 + 1e-5)));
  CHECK(norm.running_mean.value().data()[0] == doctest::Approx(0.3));
  CHECK(norm.running_variance.value().data()[0] == doctest::Approx(0.9 + 0.1 * 14.0 / 3));
  const auto z = norm(x).to_host();  // evaluation
  CHECK(z[3] == doctest::Approx((6 - 0.3) / std::sqrt(0.9 + 0.1 * 14.0 / 3 + 1e-5)));
  CHECK(norm.running_mean.value().data()[0] == doctest::Approx(0.3));
  CHECK_THROWS_AS(norm(mf::record(tape, mf::zeros<D>(S(1)))), mf::shape_error);
}

}  // namespace test_layers_norms
