#include "../described/alignment_losses.hpp"

namespace test_losses_masked_reconstruction {

namespace mf = multifuse;
using dev = mf::cpu<double>;

TEST_CASE("masked reconstruction: gradients, precision, determinism") {
  check::described<described::masked_reconstruction_example>();
}

TEST_CASE("patches are normalized with the variance of a sample") {
  const auto y = mf::normalized_patches(mf::tensor<dev, mf::shape<mf::batch<2>, mf::width<2>>>({}, std::vector<double>{1, 3, -5, -5}), 0.5).to_host();
  CHECK(y[0] == doctest::Approx(-1 / std::sqrt(2.5)));
  CHECK(y[1] == doctest::Approx(1 / std::sqrt(2.5)));
  CHECK(y[2] == doctest::Approx(0));
  const mf::tensor<dev, mf::shape<mf::batch<2>, mf::width<1>>> single({}, std::vector<double>{1, 2});
  CHECK_THROWS_AS(mf::normalized_patches(single), mf::argument_error);
}

TEST_CASE("visible patches do not count, and something must be hidden") {
  using patches = mf::tensor<dev, mf::shape<mf::batch<1>, mf::tokens<3>, mf::width<2>>>;
  using masks = mf::tensor<dev, mf::shape<mf::batch<1>, mf::tokens<3>>>;
  const patches predicted({}, std::vector<double>{9, 9, 1, 3, 0, 0}), target({}, std::vector<double>{0, 0, 1, 1, 2, 4});
  const masks hidden({}, std::vector<double>{0, 1, 1}), nothing({}, std::vector<double>{0, 0, 0});
  CHECK(mf::masked_reconstruction(predicted, target, hidden).to_host()[0] == doctest::Approx((2.0 + 10.0) / 2));
  CHECK_THROWS_AS(mf::masked_reconstruction(predicted, target, nothing), mf::argument_error);
}

}  // namespace test_losses_masked_reconstruction
