#include "../described/missing.hpp"

namespace test_layers_gated_linear {

namespace mf = multifuse;
using D = mf::cpu<double>;

TEST_CASE("gated linear layer: gradients, precision, determinism") { check::described<described::gated_linear_example>(); }

TEST_CASE("a gated linear layer is what its formula says") {
  mf::gated_linear<D, 2, 2> layer;
  mf::initialize(layer, 4);
  const auto w = layer.projection.weight.value().to_host(), b = layer.projection.bias.value().to_host();
  const auto v = layer.gate.weight.value().to_host(), c = layer.gate.bias.value().to_host();
  const std::vector<double> x{0.7, -1.3};
  const auto y = layer(mf::tensor<D, mf::shape<mf::batch<1>, mf::width<2>>>({}, x)).to_host();
  double u[2];
  for (std::size_t i = 0; i < 2; ++i) u[i] = w[2 * i] * x[0] + w[2 * i + 1] * x[1] + b[i];
  for (std::size_t i = 0; i < 2; ++i)
    CHECK(y[i] == doctest::Approx(u[i] / (1 + std::exp(-(v[2 * i] * u[0] + v[2 * i + 1] * u[1] + c[i])))));
  for (const double start : w) CHECK(std::abs(start) <= 1 / std::sqrt(2.0));
}

}  // namespace test_layers_gated_linear
