#include "../described/masking.hpp"

namespace test_layers_weight_normalized {

namespace mf = multifuse;
using dev = mf::cpu<double>;

TEST_CASE("weight-normalized linear: gradients, precision, determinism") {
  check::described<described::weight_normalized_example>();
}

TEST_CASE("the length of a direction does not matter, the gain does") {
  mf::weight_normalized<dev, 2, 2> layer;
  mf::initialize(layer, 1);
  const std::vector<double> directions{3, 4, 0, -0.1}, gains{1, 5}, values{10, 5};
  dev::copy_from_host(layer.direction.value().data(), directions.data(), 4);
  dev::copy_from_host(layer.gain.value().data(), gains.data(), 2);
  const auto y = layer(mf::tensor<dev, mf::shape<mf::batch<1>, mf::width<2>>>({}, values)).to_host();
  CHECK(y[0] == doctest::Approx(10));
  CHECK(y[1] == doctest::Approx(-25));
}

}  // namespace test_layers_weight_normalized
