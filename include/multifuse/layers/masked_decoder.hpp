#pragma once
#include "random_masking.hpp"
#include "repeat.hpp"
#include "transformer_block.hpp"

namespace multifuse {

/// The extents of a `masked_decoder`.
struct masked_decoder_config {
  isize tokens = 196;    ///< of the whole input, without class token
  isize elements = 768;  ///< of a patch
  isize width = 384, heads = 12, depth = 4;
  double epsilon = 1e-5;        ///< of the norms
  bool projection_bias = true;  ///< of queries, keys and values
};

/// The decoder of a masked autoencoder (He et al. 2022) with learned positions: it sees the class token and all places,
/// the hidden ones as mask tokens, and predicts the elements of every patch. [batch, 1 + visible, In] -> [batch,
/// tokens, elements]. There is no norm behind its blocks.
template <class D, isize In, masked_decoder_config C> struct masked_decoder {
  static constexpr transformer_config block_config{.epsilon = C.epsilon, .projection_bias = C.projection_bias};
  linear<D, In, C.width> entrance;
  mask_token<D, C.width> hidden;
  learned_positions<D, 1 + C.tokens, C.width> positions;
  repeat<transformer_block<D, C.width, C.heads, block_config>, C.depth> blocks;
  linear<D, C.width, C.elements> exit;

  constexpr void members(auto&& visit) {
    visit("entrance", entrance);
    visit("mask_token", hidden);
    visit("positions", positions);
    visit("blocks", blocks);
    visit("exit", exit);
  }
  template <value X> auto operator()(const X& latent, const random_masking<D>& masking) const {
    const auto x = entrance(latent);
    const auto all = concat<tokens_axis>(slice<tokens_axis>(x, 0, 1), hidden(without_class_token(x), masking));
    return exit(without_class_token(blocks(positions(all))));
  }
};

}  // namespace multifuse
