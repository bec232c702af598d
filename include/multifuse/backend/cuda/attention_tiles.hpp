#pragma once
#include "attention_plan.hpp"
#include "block.hpp"

/// The two products inside fused attention, computed by all threads of a block with their accumulators in registers.
namespace multifuse::detail {

/// Rows of one head in memory.
template <class T> struct head_rows {
  const T* data;
  isize stride, rows, width;
  bool in_vectors;  ///< every row begins at the address of a vector, and is whole vectors long

  MULTIFUSE_HD head_rows from(isize row, isize column) const {
    return {data + row * stride + column, stride, rows - row, width - column, in_vectors};
  }
};

/// Shared memory of a block whose threads have R rows, and V columns of the result. `scores` holds weights of the second
/// product; `operands` rows for either.
template <class T, int R, int V = attention_tile<T>::columns_of_thread> struct attention_shared {
  using tile = attention_tile<T>;
  static constexpr int rows = R * tile::groups, results = V * tile::lanes;
  static constexpr int gap = widest_vector<T>;  // so that neighboring rows start in other banks
  static constexpr int score_stride = tile::columns + gap, operand_stride = tile::depth + gap;
  static constexpr int for_scores = rows * score_stride;
  static constexpr int for_rows = (rows + tile::columns) * operand_stride, for_results = tile::columns * results;
  static constexpr std::size_t bytes =
      sizeof(T) * std::size_t(for_scores + (for_rows > for_results ? for_rows : for_results));

  T *scores, *operands;
  template <class Block>
  MULTIFUSE_DEVICE explicit attention_shared(const Block& block)
      : scores(block.template shared<T>()), operands(scores + for_scores) {}
};

/// Where a thread stands in the tile.
template <class T> struct attention_place {
  int lane, group;
  template <class Block>
  MULTIFUSE_DEVICE explicit attention_place(const Block& block)
      : lane(block.thread() % attention_tile<T>::lanes), group(block.thread() / attention_tile<T>::lanes) {}
  MULTIFUSE_DEVICE int row(int i) const { return group + i * attention_tile<T>::groups; }
  MULTIFUSE_DEVICE int column(int j) const { return lane + j * attention_tile<T>::lanes; }
};

/// Copies rows x columns elements (columns: whole vectors) into shared memory, with zeros for those that do not exist.
template <class T, class Block>
MULTIFUSE_DEVICE void copy_to_shared(const Block& block, T* to, int stride, int rows, int columns,
                                     const head_rows<T>& from) {
  constexpr int n = widest_vector<T>;
  const int vectors = columns / n;
  for (int i = block.thread(); i < rows * vectors; i += attention_tile<T>::threads) {
    const int row = i / vectors, column = i % vectors * n;
    widest<T> elements{};
    if (row < from.rows) {
      const T* const first = from.data + row * from.stride + column;
      if (from.in_vectors) {
        if (column < from.width) elements = read_vector(first);
      } else {
        MULTIFUSE_UNROLL
        for (int e = 0; e < n; ++e)
          if (column + e < from.width) elements.at[e] = first[e];
      }
    }
    write_vector(to + row * stride + column, elements);
  }
}

/// Adds the scalar products of rows of `left` and of the first C x 16 rows of `right` to the thread's part of a tile.
/// All threads come here; what was in the operands' memory is gone.
template <int C, class T, int R, int V, class Block>
MULTIFUSE_DEVICE void add_row_products(const Block& block, const attention_shared<T, R, V>& shared,
                                       const head_rows<T>& left, const head_rows<T>& right,
                                       T (&sums)[R][attention_tile<T>::columns_of_thread]) {
  using tile = attention_tile<T>;
  constexpr int n = widest_vector<T>, stride = attention_shared<T, R, V>::operand_stride;
  const attention_place<T> place(block);
  T* const left_rows = shared.operands;
  T* const right_rows = left_rows + attention_shared<T, R, V>::rows * stride;
  for (isize first = 0; first < left.width; first += tile::depth) {
    block.sync();  // the rows before have been read
    copy_to_shared(block, left_rows, stride, attention_shared<T, R, V>::rows, tile::depth, left.from(0, first));
    copy_to_shared(block, right_rows, stride, C * tile::lanes, tile::depth, right.from(0, first));
    block.sync();
    for (int k = 0; k < tile::depth; k += n) {
      widest<T> b[C];
      MULTIFUSE_UNROLL
      for (int j = 0; j < C; ++j) b[j] = read_vector(right_rows + place.column(j) * stride + k);
      MULTIFUSE_UNROLL
      for (int i = 0; i < R; ++i) {
        const widest<T> a = read_vector(left_rows + place.row(i) * stride + k);
        MULTIFUSE_UNROLL
        for (int j = 0; j < C; ++j)
          MULTIFUSE_UNROLL
          for (int e = 0; e < n; ++e) sums[i][j] += a.at[e] * b[j].at[e];
      }
    }
  }
}

/// The same, computing no more columns than there are.
template <class T, int R, int V, class Block>
MULTIFUSE_DEVICE void row_products(const Block& block, const attention_shared<T, R, V>& shared,
                                   const head_rows<T>& left, const head_rows<T>& right,
                                   T (&sums)[R][attention_tile<T>::columns_of_thread]) {
  using tile = attention_tile<T>;
  MULTIFUSE_UNROLL
  for (int i = 0; i < R; ++i)
    MULTIFUSE_UNROLL
    for (int j = 0; j < tile::columns_of_thread; ++j) sums[i][j] = T(0);
  if (right.rows > tile::lanes)
    add_row_products<tile::columns_of_thread>(block, shared, left, right, sums);
  else
    add_row_products<1>(block, shared, left, right, sums);
}

/// The column of a result whose sum a thread keeps at place v: whole vectors lie side by side.
template <class T> MULTIFUSE_DEVICE int result_column(int lane, int v) {
  constexpr int n = widest_vector<T>;
  return v / n * n * attention_tile<T>::lanes + lane * n + v % n;
}

/// Adds the product of the weights in `shared.scores` and rows of `right` to the thread's part of the result. All
/// threads come here, with their weights stored. The next weights are stored after the next row products, which wait
/// for all.
template <class T, int R, int V, class Block>
MULTIFUSE_DEVICE void add_weighted_rows(const Block& block, const attention_shared<T, R, V>& shared,
                                        const head_rows<T>& right, T (&sums)[R][V]) {
  using tile = attention_tile<T>;
  constexpr int n = widest_vector<T>;
  const attention_place<T> place(block);
  const int existing = int(tile::columns > right.rows ? right.rows : tile::columns);  // (an axis is called rows, too)
  const int rows = (existing + n - 1) / n * n;
  block.sync();  // the operands before have been read
  copy_to_shared(block, shared.operands, shared.results, rows, shared.results, right);
  block.sync();
  for (int k = 0; k < rows; k += n) {
    widest<T> weights[R];
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i) weights[i] = read_vector(shared.scores + place.row(i) * shared.score_stride + k);
    MULTIFUSE_UNROLL
    for (int e = 0; e < n; ++e) {
      MULTIFUSE_UNROLL
      for (int v = 0; v < V; v += n) {
        const widest<T> b = read_vector(shared.operands + (k + e) * shared.results + result_column<T>(place.lane, v));
        MULTIFUSE_UNROLL
        for (int i = 0; i < R; ++i)
          MULTIFUSE_UNROLL
          for (int c = 0; c < n; ++c) sums[i][v + c] += weights[i].at[e] * b.at[c];
      }
    }
  }
}

}  // namespace multifuse::detail
