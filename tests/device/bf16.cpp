// One model that stands for all in bf16: linear layers, layer norm, attention and fusion.
#include <multifuse/fusion/fusion_model.hpp>
#include <multifuse/fusion/readout.hpp>
#include <multifuse/layers/transformer_block.hpp>

#include "parity.hpp"

namespace test_device_bf16 {

namespace described {

namespace mf = multifuse;

struct sight { static constexpr std::string_view name = "sight"; };
struct sound { static constexpr std::string_view name = "sound"; };

/// Widths for tensor cores, a function inside a product, and three classes, which are no whole vector.
template <class D> struct bottleneck_in_bf16 {
  static constexpr std::string_view name = "bottleneck fusion of width 16";
  using block = mf::transformer_block<D, 16, 2, mf::transformer_config{.nonlinearity = mf::activation::gelu_tanh}>;
  mf::fusion_model<mf::streams<sight, sound>, mf::stage<1, mf::bottleneck_fusion<block, 4>>,
                   mf::readout<mf::mean_of_tokens, mf::linear<D, 16, 3>>>
      model;
  constexpr void members(auto&& visit) { visit("model", model); }
  auto inputs(check::source& draw) const {
    using tokens = mf::shape<mf::batch<>, mf::tokens<>, mf::width<16>>;
    return mf::make_pack(draw.normal<D>(tokens(2, 70)), draw.normal<D>(tokens(2, 5)));
  }
  constexpr auto operator()(const auto& a, const auto& b) const { return model(a, b); }
};

}  // namespace described

TEST_CASE("fusion in bf16 on another device") { check::parity<described::bottleneck_in_bf16, multifuse::bf16>(); }

}  // namespace test_device_bf16
