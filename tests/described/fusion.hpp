#pragma once
#include <multifuse/fusion/fusion_model.hpp>
#include <multifuse/fusion/gated.hpp>
#include <multifuse/fusion/readout.hpp>
#include <multifuse/layers/transformer_block.hpp>

#include <array>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

struct sight { static constexpr std::string_view name = "sight"; };
struct sound { static constexpr std::string_view name = "sound"; };
struct touch { static constexpr std::string_view name = "touch"; };

template <class D> using small_block = mf::transformer_block<D, 4, 2, mf::transformer_config{.hidden = 5}>;

/// A strategy over three modalities with static, static and dynamic token counts.
template <class D, class... Parts> struct stage_example {
  mf::fusion_model<mf::streams<sight, sound, touch>, Parts...> model;
  constexpr void members(auto&& visit) { visit("model", model); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<4>, mf::width<4>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<3>, mf::width<4>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>(2, 2)));
  }
  constexpr auto operator()(const auto& a, const auto& b, const auto& c) const { return model(a, b, c); }
};

template <class D> struct unimodal_example : stage_example<D, mf::stage<2, mf::unimodal<small_block<D>>>> {
  static constexpr std::string_view name = "unimodal";
};
template <class D> struct shared_example : stage_example<D, mf::stage<2, mf::shared<small_block<D>>>> {
  static constexpr std::string_view name = "shared";
};
template <class D> struct joint_attention_example : stage_example<D, mf::stage<2, mf::joint_attention<small_block<D>>>> {
  static constexpr std::string_view name = "joint attention";
};
template <class D>
struct cross_attention_fusion_example : stage_example<D, mf::stage<2, mf::cross_attention_fusion<small_block<D>>>> {
  static constexpr std::string_view name = "cross-attention fusion";
};
template <class D>
struct common_cross_attention_example
    : stage_example<D, mf::stage<2, mf::cross_attention_fusion<small_block<D>, mf::weights::common>>> {
  static constexpr std::string_view name = "cross-attention fusion with common weights";
};
template <class D>
struct bottleneck_fusion_example : stage_example<D, mf::stage<2, mf::bottleneck_fusion<small_block<D>, 3>>> {
  static constexpr std::string_view name = "bottleneck fusion";
};
template <class D>
struct common_bottleneck_example
    : stage_example<D, mf::stage<2, mf::bottleneck_fusion<small_block<D>, 2, mf::weights::common>>> {
  static constexpr std::string_view name = "bottleneck fusion with common weights";
};
template <class D> struct gated_example : stage_example<D, mf::gated<D, 4>> {
  static constexpr std::string_view name = "gated";
};
template <class D> struct late_example : stage_example<D, mf::late<mf::linear<D, 4, 3>>> {
  static constexpr std::string_view name = "late";
};
template <class D>
struct class_token_readout_example : stage_example<D, mf::readout<mf::mean_of_class_tokens, mf::linear<D, 4, 3>>> {
  static constexpr std::string_view name = "readout of class tokens";
};
template <class D>
struct concatenated_readout_example : stage_example<D, mf::readout<mf::concatenated_means, mf::linear<D, 12, 3>>> {
  static constexpr std::string_view name = "readout of concatenated means";
};

/// Streams with padding through every strategy that exchanges tokens.
template <class D> struct masked_streams_example {
  static constexpr std::string_view name = "streams with padding";
  using list = mf::streams<sight, sound>;
  mf::fusion_model<list, mf::stage<1, mf::unimodal<small_block<D>>>, mf::stage<1, mf::joint_attention<small_block<D>>>,
                   mf::stage<1, mf::cross_attention_fusion<small_block<D>>>,
                   mf::stage<1, mf::bottleneck_fusion<small_block<D>, 2>>, mf::gated<D, 4>,
                   mf::readout<mf::concatenated_means, mf::linear<D, 8, 3>>>
      model;
  constexpr void members(auto&& visit) { visit("model", model); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<4>, mf::width<4>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>(2, 3)));
  }
  constexpr auto operator()(const auto& a, const auto& b) const {
    return model(a, mf::masked_tokens{b, mf::mask_of_lengths<D>(std::array<mf::isize, 2>{3, 1}, 3)});
  }
};

}  // namespace described
