#pragma once
#include "../ops/rearrange.hpp"
#include "linear.hpp"

namespace multifuse {

/// Extent of a patch of an image (frames = 1) or a tubelet of a video.
struct patch_size {
  isize frames = 1, rows = 1, columns = 1;
  constexpr isize elements() const { return frames * rows * columns; }
};

struct patch_frames_axis { static constexpr std::string_view name = "patch frames"; };
struct patch_rows_axis { static constexpr std::string_view name = "patch rows"; };
struct patch_columns_axis { static constexpr std::string_view name = "patch columns"; };

namespace detail {
/// The extent of a grid along one axis of the input; refuses an input that patches do not fill.
template <class Where, class S, class Tag, isize Patch> constexpr isize patches_along() {
  constexpr isize extent = S::template static_extent<Tag>();
  static_assert(extent_mismatch<Where, Tag, (extent == dynamic ? dynamic : extent / Patch * Patch), extent>::value,
                "multifuse: patches do not fill this axis (read: layer, axis, expected, got)");
  return extent == dynamic || extent < Patch ? dynamic : extent / Patch;
}
}  // namespace detail

/// Patches of an image [batch, rows, columns, channels], row by row, each as a row of its pixels:
/// [batch, tokens, patch rows * patch columns * channels]. `Where` names the caller in messages.
template <patch_size Patch, class Where = patch_size, value X> constexpr auto patches_of_image(const X& image) {
  using S = detail::shape_of_t<X>;
  const auto by_rows = split<rows_axis, rows<detail::patches_along<Where, S, rows_axis, Patch.rows>()>,
                             axis<patch_rows_axis, Patch.rows>>(image);
  const auto grid = split<columns_axis, columns<detail::patches_along<Where, S, columns_axis, Patch.columns>()>,
                          axis<patch_columns_axis, Patch.columns>>(by_rows);
  const auto patches =
      permute<batch_axis, rows_axis, columns_axis, patch_rows_axis, patch_columns_axis, channels_axis>(grid);
  return merge<width_axis, patch_rows_axis, patch_columns_axis, channels_axis>(
      merge<tokens_axis, rows_axis, columns_axis>(patches));
}

/// Tubelets of a video [batch, frames, rows, columns, channels], time first, then row by row, likewise:
/// [batch, tokens, patch elements * channels].
template <patch_size Patch, class Where = patch_size, value X> constexpr auto patches_of_video(const X& video) {
  using S = detail::shape_of_t<X>;
  const auto by_frames = split<frames_axis, frames<detail::patches_along<Where, S, frames_axis, Patch.frames>()>,
                               axis<patch_frames_axis, Patch.frames>>(video);
  const auto by_rows = split<rows_axis, rows<detail::patches_along<Where, S, rows_axis, Patch.rows>()>,
                             axis<patch_rows_axis, Patch.rows>>(by_frames);
  const auto grid = split<columns_axis, columns<detail::patches_along<Where, S, columns_axis, Patch.columns>()>,
                          axis<patch_columns_axis, Patch.columns>>(by_rows);
  const auto tubelets = permute<batch_axis, frames_axis, rows_axis, columns_axis, patch_frames_axis, patch_rows_axis,
                                patch_columns_axis, channels_axis>(grid);
  return merge<width_axis, patch_frames_axis, patch_rows_axis, patch_columns_axis, channels_axis>(
      merge<tokens_axis, frames_axis, rows_axis, columns_axis>(tubelets));
}

/// Cuts an image [batch, rows, columns, Channels] into patches, row by row, and maps each to a token:
/// [batch, tokens, Width]. A convolution whose kernel equals its stride (Dosovitskiy et al. 2021), as one matrix
/// product; its weight is [Width, rows * columns * Channels].
template <class D, patch_size Patch, isize Channels, isize Width> struct patch_embedding
    : linear<D, Patch.rows * Patch.columns * Channels, Width> {
  static_assert(Patch.frames == 1, "multifuse: a patch of an image has one frame");

  template <value X> constexpr auto operator()(const X& image) const {
    using S = detail::shape_of_t<X>;
    using where = patch_embedding;
    static_assert(extent_mismatch<where, channels_axis, Channels, S::template static_extent<channels_axis>()>::value,
                  "multifuse: this layer expects another extent on this axis (read: layer, axis, expected, got)");
    return linear<D, Patch.rows * Patch.columns * Channels, Width>::operator()(patches_of_image<Patch, where>(image));
  }
};

/// Cuts a video [batch, frames, rows, columns, Channels] into tubelets, time first, then row by row, and maps each to a
/// token: [batch, tokens, Width] (Arnab et al. 2021). Weight [Width, frames * rows * columns * Channels].
template <class D, patch_size Patch, isize Channels, isize Width> struct tubelet_embedding
    : linear<D, Patch.elements() * Channels, Width> {
  template <value X> constexpr auto operator()(const X& video) const {
    using S = detail::shape_of_t<X>;
    using where = tubelet_embedding;
    static_assert(extent_mismatch<where, channels_axis, Channels, S::template static_extent<channels_axis>()>::value,
                  "multifuse: this layer expects another extent on this axis (read: layer, axis, expected, got)");
    return linear<D, Patch.elements() * Channels, Width>::operator()(patches_of_video<Patch, where>(video));
  }
};

}  // namespace multifuse
