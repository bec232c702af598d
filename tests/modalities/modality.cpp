#include <multifuse/cost/cost.hpp>

#include "../described/modalities.hpp"

namespace test_modalities_modality {

namespace mf = multifuse;
using D = mf::cpu<float>;

TEST_CASE("modality policies: gradients, precision, determinism") { check::described<described::modalities_example>(); }

TEST_CASE("token counts follow from the configuration at compile time") {
  static_assert(described::camera::token_count == 5);
  static_assert(described::film::token_count == 8);
  static_assert(described::sounds::token_count == 5);
  mf::tokenizer_of<described::camera, D, 4> camera;
  mf::initialize(camera, 1);
  const auto y = camera(mf::zeros<D>(described::camera::raw(3)));
  static_assert(std::is_same_v<decltype(y)::shape_type, mf::shape<mf::batch<>, mf::tokens<5>, mf::width<4>>>);
  CHECK(y.size() == 3 * 5 * 4);
}

TEST_CASE("tokens are dropped in training only, and never the class token") {
  using S = mf::shape<mf::batch<>, mf::tokens<6>, mf::width<1>>;
  const mf::tensor<D, S> x(S(2), std::vector<float>{0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5});
  CHECK(mf::drop_tokens(x, 3, 1, {7}).to_host().size() == 12);
  mf::tape tape({.training = true, .random = {1, 2}});
  const auto kept = mf::drop_tokens(mf::record(tape, x), 3, 1, {7}).value().to_host();
  REQUIRE(kept.size() == 8);
  for (const std::size_t item : {0, 4}) {
    CHECK(kept[item] == 0);
    for (std::size_t i = 1; i < 4; ++i) CHECK(kept[item + i] > kept[item + i - 1]);
  }
  CHECK_THROWS_AS(mf::drop_tokens(x, 6, 1, {7}), mf::argument_error);
}

}  // namespace test_modalities_modality
