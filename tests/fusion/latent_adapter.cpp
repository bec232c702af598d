#include <multifuse/ops/reduce.hpp>
#include <multifuse/tape/copy_model.hpp>

#include "../described/lavish.hpp"

namespace test_fusion_latent_adapter {

namespace mf = multifuse;
using described::ears;
using described::eyes;
using dev = mf::cpu<float>;
using block = described::adapted_block<dev>;
using both = mf::streams<eyes, ears>;
using adapted = mf::fusion_model<both, mf::stage<2, mf::latent_adapter<block, described::small_adapters>>>;
using plain = mf::fusion_model<both, mf::stage<2, mf::shared<block>>>;

namespace {
template <mf::isize Tokens> auto some_tokens(std::uint64_t seed) {
  check::source draw(seed);
  return draw.normal<dev>(mf::shape<mf::batch<>, mf::tokens<Tokens>, mf::width<4>>(3));
}
}  // namespace

TEST_CASE("with all gates at 0 the streams are those of the frozen blocks, bit by bit") {
  adapted model;
  plain backbone;
  mf::initialize(model, 4);
  mf::initialize(backbone, 5);
  mf::copy_model(backbone.part<0>().blocks, model.part<0>().blocks);
  const auto sight = some_tokens<5>(1);
  const auto sound = some_tokens<3>(2);
  const auto expected = backbone(sight, sound), found = model(sight, sound);
  CHECK(mf::get<eyes>(found).to_host() == mf::get<eyes>(expected).to_host());
  CHECK(mf::get<ears>(found).to_host() == mf::get<ears>(expected).to_host());

  mf::for_each_named_member(model, [](std::string_view name, auto& leaf) {  // and not any more once a gate is open
    if constexpr (mf::is_parameter<std::remove_cvref_t<decltype(leaf)>>)
      if (name.ends_with("ears.1.mlp.gate")) *leaf.value().data() = 1;
  });
  const auto open = model(sight, sound);
  CHECK(mf::get<eyes>(open).to_host() == mf::get<eyes>(expected).to_host());
  CHECK(mf::get<ears>(open).to_host() != mf::get<ears>(expected).to_host());
}

TEST_CASE("the blocks are frozen: gradients pass through them and stay out of them") {
  adapted model;
  mf::initialize(model, 4);
  mf::tape tape;
  const auto sight = mf::watch(tape, some_tokens<5>(1));
  const auto sound = mf::watch(tape, some_tokens<3>(2));
  const auto out = model(sight, sound);
  const auto weights = some_tokens<3>(6);
  mf::backward(mf::evaluate(mf::sum<mf::batch_axis, mf::tokens_axis, mf::width_axis>(mf::get<ears>(out) * weights)));
  CHECK(bool(sound.gradient()));
  int frozen = 0, first_gates = 0;
  mf::for_each_named_member(model, [&](std::string_view name, auto& leaf) {
    if constexpr (mf::is_parameter<std::remove_cvref_t<decltype(leaf)>>) {
      INFO(std::string(name));
      const bool of_blocks = name.find("shared.") != std::string_view::npos;
      CHECK(leaf.trainable() != of_blocks);
      if (of_blocks) CHECK_FALSE(bool(leaf.gradient()));
      frozen += of_blocks;
      if (name.ends_with("ears.0.attention.gate")) {
        CHECK(*leaf.gradient().data() != 0);
        ++first_gates;
      }
    }
  });
  CHECK(frozen == 2 * 16);
  CHECK(first_gates == 1);
}

namespace {
/// Operations of a model for so many tokens of each stream.
template <class Model> constexpr double flops(mf::isize sight, mf::isize sound) {
  mf::operation_count count;
  const Model model{};
  using some = mf::tensor<mf::meta, mf::shape<mf::batch<2>, mf::tokens<>, mf::width<4>>>;
  model(some(some::shape_type(sight), &count), some(some::shape_type(sound), &count));
  return count.forward_flops;
}
/// What the exchange between the streams costs beside the blocks.
constexpr double exchange(mf::isize sight, mf::isize sound) {
  return flops<adapted>(sight, sound) - flops<plain>(sight, sound);
}
}  // namespace

TEST_CASE("the cost of the exchange is linear in the tokens of every stream") {
  static_assert(exchange(100, 50) > 0);
  static_assert(exchange(400, 50) - exchange(200, 50) == 2 * (exchange(200, 50) - exchange(100, 50)));
  static_assert(exchange(100, 200) - exchange(100, 100) == 2 * (exchange(100, 100) - exchange(100, 50)));
  CHECK(exchange(400, 400) < 4 * exchange(100, 100));
}

}  // namespace test_fusion_latent_adapter
