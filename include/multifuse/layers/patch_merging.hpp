#pragma once
#include "../ops/rearrange.hpp"
#include "layer_norm.hpp"
#include "linear.hpp"
#include "window_attention.hpp"

namespace multifuse {

/// Halves both sides of a grid of tokens and doubles their width (Swin V2): four neighbors side by side, in the order
/// (0, 0), (1, 0), (0, 1), (1, 1) of [row, column], a linear map, a norm.
/// [batch, Rows * Columns, Width] -> [batch, Rows / 2 * Columns / 2, 2 Width].
template <class D, isize Rows, isize Columns, isize Width>
  requires windows_fill_grid<Rows, 2> && windows_fill_grid<Columns, 2> && (Rows > 1) && (Columns > 1)
struct patch_merging {
  linear<D, 4 * Width, 2 * Width, false> reduction;
  layer_norm<D, 2 * Width, norm_config{1e-5}> norm;

  constexpr void members(auto&& visit) { visit("reduction", reduction), visit("norm", norm); }

  template <value X> constexpr auto operator()(const X& x) const {
    const auto grid = split<tokens_axis, rows<Rows / 2>, axis<window_rows_axis, 2>, columns<Columns / 2>,
                            axis<window_columns_axis, 2>>(x);
    const auto neighbors = merge<width_axis, window_columns_axis, window_rows_axis, width_axis>(
        permute<batch_axis, rows_axis, columns_axis, window_columns_axis, window_rows_axis, width_axis>(grid));
    return norm(reduction(merge<tokens_axis, rows_axis, columns_axis>(neighbors)));
  }
};

}  // namespace multifuse
