#include "../described/lavish.hpp"

namespace test_layers_adapter {

TEST_CASE("adapters: gradients, precision, determinism") {
  check::described<described::adapter_example>();
  check::described<described::adapter_training_example>();
  check::described<described::adapter_gate_first_example>();
  check::described<described::adapter_linear_example>();
}

namespace mf = multifuse;

/// Operations of one adapter for so many tokens of its own and of the others.
constexpr double adapter_flops(mf::isize own, mf::isize others) {
  mf::operation_count count;
  const mf::adapter<mf::cpu<float>, 768> layer{};
  using some_tokens = mf::tensor<mf::meta, mf::shape<mf::batch<2>, mf::tokens<>, mf::width<768>>>;
  mf::evaluate(layer(some_tokens(some_tokens::shape_type(own), &count), some_tokens(some_tokens::shape_type(others), &count)));
  return count.forward_flops;
}

TEST_CASE("the cost of an adapter is linear in the tokens of both sides") {
  static_assert(adapter_flops(400, 100) - adapter_flops(200, 100) == 2 * (adapter_flops(200, 100) - adapter_flops(100, 100)));
  static_assert(adapter_flops(100, 400) - adapter_flops(100, 200) == 2 * (adapter_flops(100, 200) - adapter_flops(100, 100)));
  CHECK(adapter_flops(400, 400) < 4 * adapter_flops(100, 100));
}

TEST_CASE("adapters start as nothing") {
  using D = mf::cpu<float>;
  mf::adapter<D, 16> layer;
  mf::initialize(layer, 1);
  check::source draw(1);
  const auto x = draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<16>>(2, 5));
  const auto y = mf::evaluate(layer(x, draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<16>>(2, 7))));
  for (float element : y.to_host()) CHECK(element == 0);
}

}  // namespace test_layers_adapter
