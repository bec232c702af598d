#pragma once
#include <cmath>

#include "../ops/attention.hpp"
#include "../ops/computed.hpp"
#include "../ops/gather.hpp"
#include "../ops/normalize.hpp"
#include "../ops/slice.hpp"
#include "attention.hpp"
#include "mlp.hpp"

namespace multifuse {

/// Tokens on a grid, row by row, and the windows they attend in. A side that is not longer than the window is one
/// window, and is never shifted.
struct window_grid {
  isize rows = 0, columns = 0;
  isize window = 7;             ///< tokens along each side of a window
  isize pretrained_window = 0;  ///< to whose size relative positions are scaled; 0: the window itself
  isize position_hidden = 512;  ///< width inside the MLP that makes position biases

  constexpr isize window_rows() const { return rows < window ? rows : window; }
  constexpr isize window_columns() const { return columns < window ? columns : window; }
  constexpr isize shift_rows() const { return rows > window ? window / 2 : 0; }
  constexpr isize shift_columns() const { return columns > window ? window / 2 : 0; }
  constexpr isize windows() const { return rows / window_rows() * (columns / window_columns()); }
  constexpr isize tokens_of_window() const { return window_rows() * window_columns(); }
  constexpr isize offsets() const { return (2 * window_rows() - 1) * (2 * window_columns() - 1); }
};

/// The message of a refused grid.
template <isize Extent, isize Window>
concept windows_fill_grid = Extent > 0 && Window > 0 && Extent % (Extent < Window ? Extent : Window) == 0;

struct window_rows_axis { static constexpr std::string_view name = "window rows"; };
struct window_columns_axis { static constexpr std::string_view name = "window columns"; };
struct coordinates_axis { static constexpr std::string_view name = "coordinates"; };

namespace detail {

/// Coordinate `i % 2` (row, column) of relative position `i / 2`, on a logarithmic scale: sign log2(1 + |8 d|) /
/// log2(8), where d is 1 at the end of the (pretrained) window.
struct log_relative_position {
  window_grid grid;
  MULTIFUSE_HD double operator()(isize i) const {
    const isize side[2] = {grid.rows < grid.window ? grid.rows : grid.window,
                           grid.columns < grid.window ? grid.columns : grid.window};
    const isize along = i % 2, across = 2 * side[1] - 1;
    const isize offset = (along == 0 ? i / 2 / across : i / 2 % across) - (side[along] - 1);
    const isize end = (grid.pretrained_window > 0 ? grid.pretrained_window : side[along]) - 1;
    const double scaled = end > 0 ? 8.0 * double(offset) / double(end) : 0.0;
    return (scaled < 0 ? -1.0 : 1.0) * std::log2(1.0 + (scaled < 0 ? -scaled : scaled)) / 3.0;
  }
};

/// Which relative position stands between query `i / tokens` and key `i % tokens` of a window.
struct relative_place {
  isize rows, columns;
  MULTIFUSE_HD isize operator()(isize i) const {
    const isize query = i / (rows * columns), key = i % (rows * columns);
    return (query / columns - key / columns + rows - 1) * (2 * columns - 1) + query % columns - key % columns +
           columns - 1;
  }
};

/// -100 between tokens that the cyclic shift brought together, else 0: [windows, queries, keys].
struct shift_mask {
  isize rows, columns, window_rows, window_columns, shift_rows, shift_columns;
  MULTIFUSE_HD isize region(isize window, isize token) const {
    const isize across = columns / window_columns;
    const isize row = window / across * window_rows + token / window_columns;
    const isize column = window % across * window_columns + token % window_columns;
    return 3 * part(row, rows, window_rows, shift_rows) + part(column, columns, window_columns, shift_columns);
  }
  MULTIFUSE_HD static isize part(isize place, isize extent, isize window, isize shift) {
    return shift == 0 ? 0 : (place >= extent - window) + (place >= extent - shift);
  }
  MULTIFUSE_HD double operator()(isize i) const {
    const isize n = window_rows * window_columns;
    const isize window = i / (n * n), query = i / n % n, key = i % n;
    return region(window, query) == region(window, key) ? 0.0 : -100.0;
  }
};

}  // namespace detail

/// Attention inside windows of a grid (Swin, Liu et al. 2021) in the form of Swin V2 (Liu et al. 2022, section 3):
/// cosines of queries and keys times a learned factor of at most 100 for each head, plus a bias that an MLP makes from
/// the logarithm of the relative position. Shifted windows lie half a window off and wrap around the grid's edges, over
/// which nothing attends. x [batch, rows * columns, Width] -> the same. Its cost is linear in the number of tokens.
template <class D, isize Width, isize Heads, window_grid G>
  requires heads_divide_width<Width, Heads> && windows_fill_grid<G.rows, G.window> &&
           windows_fill_grid<G.columns, G.window>
struct window_attention {
  static constexpr isize count = G.tokens_of_window();

  linear<D, Width, Width> query, values, output;
  linear<D, Width, Width, false> key;
  parameter<D, heads<Heads>> log_scale{init::constant(2.302585092994046)};  // ln 10
  linear<D, 2, G.position_hidden> position_expand;
  linear<D, G.position_hidden, Heads, false> position_contract;

  constexpr void members(auto&& visit) {
    visit("query", query);
    visit("key", key);
    visit("value", values);
    visit("output", output);
    visit("log_scale", log_scale);
    visit("position_expand", position_expand);
    visit("position_contract", position_contract);
  }

  template <value X> constexpr auto operator()(const X& x, bool shifted = false) const {
    const auto grid = split<tokens_axis, rows<G.rows>, columns<G.columns>>(x);
    auto moved = grid;
    if (shifted) moved = roll<columns_axis>(roll<rows_axis>(grid, -G.shift_rows()), -G.shift_columns());
    auto back = whole(attend(windowed(moved), shifted));
    if (shifted) back = roll<columns_axis>(roll<rows_axis>(back, G.shift_rows()), G.shift_columns());
    return merge<tokens_axis, rows_axis, columns_axis>(back);
  }

  /// What is added to the scores of every window, for x's device and tape: [heads, queries, keys].
  template <value X> constexpr auto position_bias(const X& x) const {
    const auto places =
        computed(shape<samples<G.offsets()>, axis<coordinates_axis, 2>>{}, detail::log_relative_position{G}, x);
    const auto table = evaluate(16.0 * sigmoid(position_contract(relu(position_expand(places)))));  // [places, heads]
    const auto ids = computed<std::int32_t>(shape<keys<count * count>>{},
                                            detail::relative_place{G.window_rows(), G.window_columns()}, x);
    const auto pairs = split<keys_axis, queries<count>, keys<count>>(gather<samples_axis>(table, plain_tensor(ids)));
    return permute<heads_axis, queries_axis, keys_axis>(rename<coordinates_axis, heads_axis>(pairs));
  }

  /// What is added to the scores where shifted windows wrap around: [windows, queries, keys].
  template <value X> static constexpr auto edge_mask(const X& x) {
    return computed(shape<windows<G.windows()>, queries<count>, keys<count>>{},
                    detail::shift_mask{G.rows, G.columns, G.window_rows(), G.window_columns(), G.shift_rows(),
                                       G.shift_columns()},
                    x);
  }

 private:
  template <value X> static constexpr auto windowed(const X& grid) {
    const auto cut =
        split<columns_axis, columns<G.columns / G.window_columns()>, axis<window_columns_axis, G.window_columns()>>(
            split<rows_axis, rows<G.rows / G.window_rows()>, axis<window_rows_axis, G.window_rows()>>(grid));
    return merge<tokens_axis, window_rows_axis, window_columns_axis>(merge<windows_axis, rows_axis, columns_axis>(
        permute<batch_axis, rows_axis, columns_axis, window_rows_axis, window_columns_axis, width_axis>(cut)));
  }
  template <value X> static constexpr auto whole(const X& x) {
    const auto cut =
        split<tokens_axis, axis<window_rows_axis, G.window_rows()>, axis<window_columns_axis, G.window_columns()>>(
            split<windows_axis, rows<G.rows / G.window_rows()>, columns<G.columns / G.window_columns()>>(x));
    return merge<columns_axis, columns_axis, window_columns_axis>(merge<rows_axis, rows_axis, window_rows_axis>(
        permute<batch_axis, rows_axis, window_rows_axis, columns_axis, window_columns_axis, width_axis>(cut)));
  }
  /// Each head's part of every token with length 1.
  template <value X> static constexpr auto directions(const X& x) {
    return l2_normalize(split<width_axis, heads<Heads>, width<Width / Heads>>(x));
  }
  template <value X> constexpr auto attend(const X& x, bool shifted) const {
    const auto q =
        merge<width_axis, heads_axis, width_axis>(directions(query(x)) * exp(minimum(log_scale, 4.605170185988092)));
    const auto k = merge<width_axis, heads_axis, width_axis>(directions(key(x)));
    const auto bias = position_bias(x);
    if (!shifted) return output(biased_attention<Heads>(q, k, values(x), bias, {.scale = 1}));
    const auto masked = evaluate(expand<windows_axis, G.windows()>(bias) + edge_mask(x));
    return output(biased_attention<Heads>(q, k, values(x), masked, {.scale = 1}));
  }
};

}  // namespace multifuse
