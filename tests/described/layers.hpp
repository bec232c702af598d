#pragma once
#include <multifuse/layers/embedding.hpp>
#include <multifuse/layers/patch_embedding.hpp>
#include <multifuse/layers/repeat.hpp>
#include <multifuse/layers/transformer_block.hpp>
#include <multifuse/ops/reduce.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

template <class D> auto tokens_of(check::source& draw, mf::isize items, mf::isize count) {
  return draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<6>>(items, count));
}

template <class D, mf::transformer_config C> struct block_example_base {
  mf::repeat<mf::transformer_block<D, 6, 2, C>, 2> blocks;
  constexpr void members(auto&& visit) { visit("blocks", blocks); }
  auto inputs(check::source& draw) const { return mf::make_pack(tokens_of<D>(draw, 2, 5)); }
  constexpr auto operator()(const auto& x) const { return blocks(x); }
};

template <class D> struct pre_norm_block_example : block_example_base<D, mf::transformer_config{.hidden = 7}> {
  static constexpr std::string_view name = "transformer block (pre-LN, gelu)";
};
template <class D>
struct post_norm_block_example
    : block_example_base<D, mf::transformer_config{.nonlinearity = mf::activation::gelu_tanh,
                                                   .norm = mf::norm_placement::after,
                                                   .projection_bias = false}> {
  static constexpr std::string_view name = "transformer block (post-LN, gelu by tanh, no projection bias)";
};

/// Queries from one stream, keys and values from another, some of them hidden.
template <class D> struct cross_attention_example {
  static constexpr std::string_view name = "cross-attention with a key mask";
  mf::cross_attention<D, 6, 3> cross;
  mf::transformer_block<D, 6, 2> block;
  constexpr void members(auto&& visit) { visit("cross", cross), visit("block", block); }
  auto inputs(check::source& draw) const {
    mf::tensor<D, mf::shape<mf::batch<>, mf::tokens<>>> mask({2, 5});
    for (mf::isize i = 0; const int kept : {1, 1, 0, 1, 1, 0, 1, 1, 1, 0}) {
      const auto element = typename D::scalar(kept);
      D::copy_from_host(mask.data() + i++, &element, 1);
    }
    return mf::make_pack(tokens_of<D>(draw, 2, 4), tokens_of<D>(draw, 2, 5), mask);
  }
  constexpr auto operator()(const auto& x, const auto& context, const auto& mask) const {
    return block(cross(x, context, mf::detach(mask)), context);
  }
};

template <class D> struct embedding_example {
  static constexpr std::string_view name = "class token, positions, modality embedding";
  mf::class_token<D, 6, 2> front;
  mf::learned_positions<D, 6, 6> positions;
  mf::modality_embedding<D, 6> modality;
  constexpr void members(auto&& visit) { visit("front", front), visit("positions", positions), visit("modality", modality); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<4>, mf::width<6>>(3)));
  }
  constexpr auto operator()(const auto& x) const { return modality(positions(front(x))); }
};

template <class D> struct patch_embedding_example {
  static constexpr std::string_view name = "patch and tubelet embeddings";
  mf::patch_embedding<D, mf::patch_size{1, 2, 3}, 2, 5> image;
  mf::tubelet_embedding<D, mf::patch_size{2, 2, 1}, 2, 5> video;
  constexpr void members(auto&& visit) { visit("image", image), visit("video", video); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(
        draw.normal<D>(mf::shape<mf::batch<>, mf::rows<4>, mf::columns<6>, mf::channels<2>>(2)),
        draw.normal<D>(mf::shape<mf::batch<>, mf::frames<4>, mf::rows<>, mf::columns<3>, mf::channels<2>>(2, 2)));
  }
  constexpr auto operator()(const auto& picture, const auto& clip) const {
    return mf::mean<mf::tokens_axis>(mf::square(image(picture))) * mf::mean<mf::tokens_axis>(mf::square(video(clip)));
  }
};

}  // namespace described
