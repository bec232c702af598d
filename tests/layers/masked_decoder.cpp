#include <multifuse/layers/masked_decoder.hpp>

#include "../described/self_supervised.hpp"

namespace test_layers_masked_decoder {

namespace mf = multifuse;

TEST_CASE("masked decoder: gradients, precision, determinism") {
  check::described<described::masked_decoder_example>();
}

TEST_CASE("a masked decoder predicts all patches, in the order before masking") {
  using dev = mf::cpu<double>;
  static constexpr mf::masked_decoder_config sizes{.tokens = 3, .elements = 2, .width = 2, .heads = 1, .depth = 1};
  mf::masked_decoder<dev, 2, sizes> decoder;
  mf::initialize(decoder, 1);
  mf::for_each_named_member(decoder, [](std::string_view name, auto& leaf) {  // the blocks hand their input on
    if constexpr (mf::is_parameter<std::remove_cvref_t<decltype(leaf)>>)
      if (mf::name_matches(name, "blocks") || mf::name_matches(name, "bias") || name == "positions.table")
        dev::fill(leaf.value().data(), leaf.count, 0.0);
  });
  for (auto* weight : {decoder.entrance.weight.value().data(), decoder.exit.weight.value().data()})
    weight[0] = weight[3] = 1, weight[1] = weight[2] = 0;
  decoder.hidden.vector.value().data()[0] = -1, decoder.hidden.vector.value().data()[1] = -2;
  const std::vector<double> noise{0.9, 0.2, 0.1}, latent{5, 5, 1, 2, 3, 4};  // class token, place 2, place 1
  const auto masking = mf::mask_by_noise(mf::tensor<dev, mf::shape<mf::batch<1>, mf::tokens<3>>>({}, noise), 2);
  const auto y = decoder(mf::tensor<dev, mf::shape<mf::batch<1>, mf::tokens<3>, mf::width<2>>>({}, latent), masking);
  CHECK(y.to_host() == std::vector<double>{-1, -2, 3, 4, 1, 2});
}

}  // namespace test_layers_masked_decoder
