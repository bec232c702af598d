#include "../described/missing.hpp"

namespace test_layers_sequence_network {

namespace mf = multifuse;
using mf::isize;
using D = mf::cpu<double>;

TEST_CASE("residual network over time: gradients, precision, determinism") {
  check::described<described::sequence_network_example>();
}

TEST_CASE("tokens: each stage halves the frames, rounding up, whatever their number") {
  constexpr mf::sequence_network_config config{.widths = {2, 2, 3, 2}, .blocks = {1, 1, 1}, .taps = 5};
  static_assert(config.stages() == 3 && config.width() == 2);
  static_assert(mf::sequence_network_config{}.width() == 4096 && mf::sequence_network_config{}.tokens(768) == 12);
  static_assert(mf::sequence_network_config{}.tokens(200) == 4);
  static_assert(!mf::valid_sequence_network<mf::sequence_network_config{.taps = 4}>);
  static_assert(!mf::valid_sequence_network<mf::sequence_network_config{.widths = {4, 4}, .blocks = {1, 1}}>);
  mf::sequence_network<D, 3, config> network;
  mf::initialize(network, 2);
  check::source draw(1);
  for (const isize frames : {1, 2, 8, 9, 17, 40}) {
    const auto y = network(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<3>>(2, frames)));
    CHECK(mf::extent<mf::tokens_axis>(y) == config.tokens(frames));
    CHECK(mf::extent<mf::width_axis>(y) == 2);
  }
}

TEST_CASE("the first layer sees one frame with all its bins") {
  mf::sequence_network<D, 3, mf::sequence_network_config{.widths = {2, 2}, .blocks = {1}}> network;
  mf::initialize(network, 2);
  const auto& w = network.first.weight;
  CHECK(w.count == 6);
  CHECK(w.start().second == doctest::Approx(std::sqrt(2.0 / 6)));
}

}  // namespace test_layers_sequence_network
