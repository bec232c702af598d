#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/systems/lavish.hpp>

namespace test_systems_lavish {

namespace mf = multifuse;
namespace lavish = multifuse::lavish;
using mf::isize;
using D = mf::cpu<float>;

namespace {
struct counts {
  isize all = 0, trained = 0, head = 0;
};
template <class M> counts count_weights() {
  const M model{};
  counts found;
  mf::for_each_named_member(model, [&](std::string_view name, const auto& leaf) {
    using L = std::remove_cvref_t<decltype(leaf)>;
    if constexpr (mf::is_parameter<L>) {
      found.all += L::count;
      found.trained += leaf.trainable() ? L::count : 0;
      found.head += name.starts_with("head.") ? L::count : 0;
    }
  });
  return found;
}
}  // namespace

TEST_CASE("on Swin-V2-L as many weights are trained as published") {
  const counts n = count_weights<lavish::swin_model<D>>();
  CHECK(n.trained == 10'036'061);  // 10.1 million in the paper's table
  CHECK(n.head == 1'588'253);      // 3072 -> 512 -> 29
  constexpr isize pretrained_classifier = (1536 + 1) * 21841;  // part of the checkpoint, not of the model
  CHECK(n.all + pretrained_classifier == doctest::Approx(238.8e6).epsilon(0.0005));
}

TEST_CASE("stochastic depth grows from block to block over all stages") {
  lavish::swin_model<D> model;
  model.use_stochastic_depth();
  double last = -1;
  isize blocks = 0;
  model.for_each_stage(model, [&](const auto& stage, isize before) {
    CHECK(before == blocks);
    for (isize k = 0; k < stage.depth; ++k, ++blocks) {
      CHECK(stage.layers.blocks[k].drop_path_rate > last);
      CHECK(stage.layers.blocks[k].shifted == (k % 2 == 1));
      last = stage.layers.blocks[k].drop_path_rate;
    }
  });
  CHECK(blocks == 24);
  CHECK(last == doctest::Approx(0.1));
}

}  // namespace test_systems_lavish
