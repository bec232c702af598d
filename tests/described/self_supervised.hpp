#pragma once
#include <multifuse/fusion/attention_refinement.hpp>
#include <multifuse/layers/distillation_head.hpp>
#include <multifuse/layers/masked_decoder.hpp>
#include <multifuse/layers/view_embedding.hpp>

#include "../support/check.hpp"

/// Parts of self-supervised models of images and videos.
namespace described {

namespace mf = multifuse;

template <class D> struct distillation_head_example {
  static constexpr std::string_view name = "distillation head";
  mf::distillation_head<D, 3, mf::distillation_head_config{.hidden = 5, .bottleneck = 4, .outputs = 6}> head;
  constexpr distillation_head_example() { head.last.gain.set_trainable(true); }
  constexpr void members(auto&& visit) { visit("head", head); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::width<3>>(2)));
  }
  constexpr auto operator()(const auto& x) const { return head(mf::tanh(x)); }
};

template <class D> struct masked_decoder_example {
  static constexpr std::string_view name = "masked decoder";
  static constexpr mf::masked_decoder_config sizes{.tokens = 4, .elements = 5, .width = 4, .heads = 2, .depth = 1};
  mf::masked_decoder<D, 3, sizes> decoder;
  constexpr void members(auto&& visit) { visit("decoder", decoder); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<3>>(2, 3)));
  }
  auto operator()(const auto& latent) const {
    return decoder(latent, mf::mask_by_noise(mf::masking_noise<D>(2, 4, {1, 2}), 2));
  }
};

/// A whole video and a part of it.
template <class D> struct view_embedding_example {
  static constexpr std::string_view name = "tokens of views";
  static constexpr mf::view_embedding_config sizes{true, {2, 4, 6}, {1, 2, 3}, 2};
  mf::view_embedding<D, sizes, 3> tokens;
  constexpr void members(auto&& visit) { visit("tokens", tokens); }
  auto inputs(check::source& draw) const {
    using whole = mf::shape<mf::batch<>, mf::frames<2>, mf::rows<4>, mf::columns<6>, mf::channels<2>>;
    using part = mf::shape<mf::batch<2>, mf::frames<>, mf::rows<>, mf::columns<3>, mf::channels<2>>;
    return mf::make_pack(draw.normal<D>(whole(2)), draw.normal<D>(part(1, 4)));
  }
  constexpr auto operator()(const auto& whole, const auto& part) const {
    const auto all = mf::concat<mf::tokens_axis>(tokens.with_class_token(tokens(whole)), tokens(part));
    return mf::sum<mf::width_axis>(all * all);
  }
};

template <class D> struct attention_refinement_example {
  static constexpr std::string_view name = "refinement by attention";
  auto inputs(check::source& draw) const {
    using attention = mf::shape<mf::batch<>, mf::heads<2>, mf::keys<>>;
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<3>>(2, 4)),
                         draw.uniform<D>(attention(2, 4), 0.1, 1), draw.uniform<D>(attention(2, 5), 0.1, 1));
  }
  constexpr auto operator()(const auto& x, const auto& own, const auto& other) const {
    const auto ratio = mf::refine_by_attention(x, own, other);
    const auto soft = mf::refine_by_attention(x, own, other, mf::refinement::softmax);
    return mf::evaluate(ratio.tokens * soft.tokens + x * mf::sum(ratio.weights * soft.weights));
  }
};

}  // namespace described
