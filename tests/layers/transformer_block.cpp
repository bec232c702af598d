#include "../described/layers.hpp"

namespace test_layers_transformer_block {

TEST_CASE("transformer blocks: gradients, precision, determinism") {
  check::described<described::pre_norm_block_example>();
  check::described<described::post_norm_block_example>();
}

TEST_CASE("a transformer block counts its parameters and operations in constant expressions") {
  namespace mf = multifuse;
  using block = mf::transformer_block<mf::cpu<float>, 768, 12>;
  static_assert(mf::parameter_count<block> == 12 * 768 * 768 + 13 * 768);
  constexpr auto flops = [] {
    mf::operation_count count;
    const block b{};
    b(mf::tensor<mf::meta, mf::shape<mf::batch<1>, mf::tokens<197>, mf::width<768>>>({}, &count));
    return count.forward_flops;
  }();
  constexpr double matrices = 2.0 * 197 * 12 * 768 * 768 + 4.0 * 197 * 197 * 768;
  static_assert(flops > matrices && flops < 1.02 * matrices);
  CHECK(flops > matrices);
}

}  // namespace test_layers_transformer_block
