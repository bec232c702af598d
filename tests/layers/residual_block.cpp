#include "../described/residual.hpp"

namespace test_layers_residual_block {

namespace mf = multifuse;
using D = mf::cpu<double>;

TEST_CASE("residual blocks: gradients, precision, determinism") { check::described<described::residual_block_example>(); }

TEST_CASE("a block is the sum of both ways, put together by hand") {
  described::residual_block_example<D> model;
  mf::initialize(model, 3);
  const auto& block = model.first;
  using S = mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<3>>;
  mf::tensor<D, S> x(S(1, 4, 4));
  for (mf::isize i = 0; i < x.size(); ++i) x.data()[i] = mf::normal({1, 1}, i);
  const auto y = block(x).to_host();
  const auto around = block.shortcut.norm(block.shortcut.projection(x)).to_host();
  const auto through =
      block.second_norm(block.second(mf::evaluate(mf::relu(block.first_norm(block.first(x)))))).to_host();
  REQUIRE(y.size() == 16);
  for (std::size_t i = 0; i < y.size(); ++i) CHECK(y[i] == doctest::Approx(std::max(0.0, around[i] + through[i])));
  const auto again = model.second(block(x)).to_host();
  CHECK(again.size() == y.size());
}

TEST_CASE("weights start with He's deviation for their outputs") {
  using layer = mf::convolution<D, 8, 64, mf::window_config{.kernel = {3, 3}, .padding = {1, 1}}, 1, false>;
  mf::residual_block<D, 64, layer, mf::convolution<D, 64, 64, mf::window_config{.kernel = {1, 1}}>> block;
  mf::initialize(block, 1);
  const auto deviation = [](const auto& weight) {
    double square = 0;
    for (const double w : weight.value().to_host()) square += w * w;
    return std::sqrt(square / double(weight.count));
  };
  CHECK(deviation(block.first.weight) == doctest::Approx(std::sqrt(2.0 / (9 * 64))).epsilon(0.03));
  CHECK(deviation(block.second.weight) == doctest::Approx(std::sqrt(2.0 / 64)).epsilon(0.03));
}

}  // namespace test_layers_residual_block
