#pragma once
#include "../ops/interpolate.hpp"
#include "embedding.hpp"
#include "patch_embedding.hpp"

namespace multifuse {

/// How positions of a grid become those of a view of a part of it.
struct grid_view_config {
  curve between = curve::linear;
  bool whole_rows = false;  ///< views keep all rows, as those of a spectrogram keep all frequencies
};

/// Learned vectors for the places of a grid of tokens, frames first, then row by row: [batch, tokens, Width] -> the
/// same. Views of a part of what the grid covers get interpolated vectors.
template <class D, patch_size Grid, isize Width, grid_view_config C = grid_view_config{}> struct grid_positions
    : learned_positions<D, Grid.elements(), Width> {
  using learned_positions<D, Grid.elements(), Width>::table;

  /// Adds the vectors to the tokens of a view with this grid. The scale of an axis is (n + 0.1) / N, as in DINO (Caron
  /// et al. 2021), whose authors add the tenth for fear of rounding. A view of as many tokens as the grid takes the
  /// table as it is.
  template <value X> constexpr auto operator()(const X& x, patch_size view) const {
    return evaluate(x + for_view(x, view));
  }

  /// The vectors of a view: [tokens, Width], on the tape of x if that is a variable.
  template <value X> constexpr auto for_view(const X& x, patch_size view) const {
    const bool whole = view.elements() == Grid.elements();
    if (whole) view = Grid;
    const auto grid = split<tokens_axis, frames<Grid.frames>, rows<Grid.rows>, columns<Grid.columns>>(beside(table, x));
    return merge<tokens_axis, frames_axis, rows_axis, columns_axis>(resized<columns_axis>(
        resized<rows_axis>(resized<frames_axis>(grid, view.frames, whole), view.rows, whole || C.whole_rows),
        view.columns, whole));
  }

 private:
  template <class Tag> static constexpr auto resized(const auto& grid, isize count, bool whole) {
    const double scale = whole ? 1 : (double(count) + 0.1) / double(detail::dims_of(grid).template extent<Tag>());
    return interpolate<Tag>(grid, count, resampling(sampling::cells, C.between, scale));
  }
};

}  // namespace multifuse
