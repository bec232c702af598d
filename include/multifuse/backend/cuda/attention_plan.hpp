#pragma once
#include <cstddef>

#include "../../tensor/attention_arguments.hpp"
#include "launch.hpp"

/// How fused attention is divided over the blocks of a device. Plain arithmetic without CUDA, so that it is tested
/// without a GPU.
namespace multifuse::detail {

/// The tile of scores that a block computes at a time, for elements of T. Its threads stand in rows and columns, and
/// each has every 8th row and every 16th column.
template <class T> struct attention_tile {
  static constexpr int lanes = 16, groups = 8, threads = lanes * groups;
  static constexpr int columns_of_thread = 4, columns = lanes * columns_of_thread;
  static constexpr int most_rows_of_thread = sizeof(T) > 4 ? 4 : 8;  // so that accumulators stay in registers
  static constexpr int depth = int(128 / sizeof(T));                 // of the products, at a time
  static constexpr int few_rows = groups, many_rows = groups * most_rows_of_thread;
  static constexpr int results = columns, wide_results = 2 * columns;
  static constexpr bool few_rows_have_wide_results = false;
};

/// For tensor cores: warps have 16 rows each, or share 16 rows and divide the columns.
template <> struct attention_tile<bf16> {
  static constexpr int warps = 4, threads = 32 * warps, columns = 64;
  static constexpr int few_rows = 16, many_rows = few_rows * warps;
  static constexpr int results = 64, wide_results = 128;
  static constexpr bool few_rows_have_wide_results = true;
};

/// How one pass is divided: tiles of rows, parts of the width of the result, and parts of the columns where there are
/// too few tiles for the device. Each part of the columns leaves a result of its own, which are added up later.
struct attention_plan {
  isize pairs;  ///< of item and head
  isize rows, columns, results;
  isize rows_of_tile, results_of_tile;
  isize columns_of_part, parts;

  isize row_tiles() const { return quotient_up(rows, rows_of_tile); }
  isize blocks() const { return parts * pairs * quotient_up(results, results_of_tile) * row_tiles(); }
};

/// Few rows take small tiles; the columns are divided until the device has two blocks for each multiprocessor. `wide`:
/// a kernel for wide results computes it, if there is one for these rows.
template <class T>
attention_plan plan_attention(isize pairs, isize rows, isize columns, isize results, isize multiprocessors,
                              bool wide = false) {
  using tile = attention_tile<T>;
  attention_plan plan{pairs, rows, columns, results, 0, 0, columns, 1};
  const bool few = rows <= 16;
  plan.rows_of_tile = few ? tile::few_rows : tile::many_rows;
  plan.results_of_tile = wide && (!few || tile::few_rows_have_wide_results) ? tile::wide_results : tile::results;
  const isize blocks = plan.blocks(), wanted = 2 * multiprocessors, tiles = quotient_up(columns, tile::columns);
  if (blocks < wanted && tiles > 1) {
    const isize tiles_of_part = quotient_up(tiles, smaller(tiles, quotient_up(wanted, blocks)));
    plan.columns_of_part = tiles_of_part * tile::columns;
    plan.parts = quotient_up(tiles, tiles_of_part);
  }
  return plan;
}

/// How the gradient of a bias is divided over blocks: each owns a tile of it, and adds up what the items, heads,
/// queries or keys that share it contribute. Where all items share it and there are too few tiles, the items are
/// divided into parts, each of which leaves a gradient of its own.
struct bias_gradient_plan {
  isize items, heads, query_tiles, key_tiles;  ///< 1 where all share the elements
  isize elements;                              ///< of the bias of an item
  isize parts = 1;
  isize blocks() const { return parts * items * heads * query_tiles * key_tiles; }
};

template <class T>
bias_gradient_plan plan_bias_gradient(const attention_arguments<T>& a, isize bias_step, isize multiprocessors) {
  using tile = attention_tile<T>;
  const isize heads = a.bias.head ? a.heads : 1, queries = a.bias.query ? a.queries : 1, keys = a.bias.key ? a.keys : 1;
  bias_gradient_plan plan{bias_step ? a.items : 1, heads, quotient_up(queries, tile::many_rows),
                          quotient_up(keys, tile::columns), heads * queries * keys};
  if (plan.items == 1) plan.parts = smaller(a.items, quotient_up(2 * multiprocessors, plan.blocks()));
  return plan;
}

/// Items that follow one another whose biases are equally far apart.
struct item_run {
  isize first, count, step;
};

/// The longest run that begins at item `first`.
inline item_run run_of_items(const isize* item_bias, isize items, isize first) {
  if (!item_bias) return {first, items - first, 0};
  item_run run{first, 1, 0};
  if (first + 1 < items) run.step = item_bias[first + 1] - item_bias[first];
  while (first + run.count < items && item_bias[first + run.count] - item_bias[first + run.count - 1] == run.step)
    ++run.count;
  return run;
}

}  // namespace multifuse::detail
