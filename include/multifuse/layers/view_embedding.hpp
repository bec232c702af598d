#pragma once
#include "grid_positions.hpp"

namespace multifuse {

/// What a `view_embedding` cuts into patches.
struct view_embedding_config {
  bool video = false;              ///< [batch, frames, rows, columns, channels]; else [batch, rows, columns, channels]
  patch_size whole{1, 224, 224};   ///< extents of the whole; views may be smaller
  patch_size patch{1, 16, 16};
  isize channels = 3;
  grid_view_config positions = {};

  constexpr patch_size grid() const {
    return {whole.frames / patch.frames, whole.rows / patch.rows, whole.columns / patch.columns};
  }
};

/// Tokens of an image or a video, or of a part of one, with learned positions, and a class token with a position of its
/// own.
template <class D, view_embedding_config C, isize Width> struct view_embedding {
  std::conditional_t<C.video, tubelet_embedding<D, C.patch, C.channels, Width>,
                     patch_embedding<D, C.patch, C.channels, Width>>
      embedding;
  class_token<D, Width> first;
  learned_positions<D, 1, Width> first_position;
  grid_positions<D, C.grid(), Width, C.positions> positions;

  constexpr void members(auto&& visit) {
    visit("embedding", embedding);
    visit("class_token", first);
    visit("class_position", first_position);
    visit("positions", positions);
  }

  /// [batch, tokens, Width], without class token.
  template <value X> constexpr auto operator()(const X& view) const {
    patch_size grid{1, extent<rows_axis>(view) / C.patch.rows, extent<columns_axis>(view) / C.patch.columns};
    if constexpr (C.video) grid.frames = extent<frames_axis>(view) / C.patch.frames;
    return positions(embedding(view), grid);
  }
  /// The class token in front of tokens: all of them, or those that are visible.
  template <value X> constexpr auto with_class_token(const X& x) const {
    return concat<tokens_axis>(first_position(expand_batch(first.vectors, x)), x);
  }
  /// The elements that each token sees: [batch, tokens, patch elements * channels].
  template <value X> static constexpr auto patches(const X& view) {
    if constexpr (C.video)
      return patches_of_video<C.patch>(view);
    else
      return patches_of_image<C.patch>(view);
  }
};

}  // namespace multifuse
