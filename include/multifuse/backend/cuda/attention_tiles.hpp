#pragma once
#include "attention_plan.hpp"
#include "block.hpp"

/// The products inside fused attention, computed by all threads of a block with their accumulators in registers.
///
/// A tile has `rows` x `columns` scores, of which each thread keeps R x C in registers: [i][j] is that of `row(i)` and
/// `column(j)`. Of the result it keeps R x V: [i][v] is that of `row(i)` and `result(v)`. Kernels are written for any
/// tile: `begin` with rows, `move_to` the next columns, then `products` and `add_weighted_rows`. Where there are few
/// columns (`has_few_columns`), only the first `few` of each thread need to be computed. Where warps share rows
/// (`sharers`), each has columns of its own, and what they have is put together at the end.
namespace multifuse::detail {

/// Rows of one head in memory. Their numbers are short, because long ones take twice the registers.
template <class T> struct head_rows {
  const T* data;
  int stride, rows, width;
  bool in_vectors;  ///< every row begins at the address of a vector, and is whole vectors long

  MULTIFUSE_HD const T* row(int i) const { return data + isize(i) * stride; }
  MULTIFUSE_HD head_rows from(int first, int column) const {
    return {row(first) + column, stride, rows - first, width - column, in_vectors};
  }
};

/// What a tile multiplies: rows on the left (from its first one) with rows on the right, which are its columns.
template <class T> struct tile_operands { head_rows<T> left, right; };

/// A tile for elements that are computed with as they are. A thread has R of its rows, and V columns of the result.
template <class T, int ThreadRows, int ThreadResults = attention_tile<T>::columns_of_thread> class scalar_tile {
  using shape = attention_tile<T>;
  static constexpr int n = widest_vector<T>, operand_stride = shape::depth + n;
  static constexpr int for_rows = (ThreadRows * shape::groups + shape::columns) * operand_stride,
                       for_results = shape::columns * ThreadResults * shape::lanes;

 public:
  using element = T;
  using number = T;
  static constexpr int threads = shape::threads, sharers = 1;
  static constexpr int R = ThreadRows, C = shape::columns_of_thread, V = ThreadResults, few = 1;
  static constexpr int rows = R * shape::groups, columns = shape::columns, results = V * shape::lanes;
  static constexpr int number_stride = columns + n;  // so that neighboring rows start in other banks
  /// For kernels with rows of one or two kinds on the left.
  template <int Lefts>
  static constexpr std::size_t shared_bytes =
      sizeof(T) * std::size_t(rows* number_stride + (for_rows > for_results ? for_rows : for_results));

  template <class Block>
  MULTIFUSE_DEVICE explicit scalar_tile(const Block& block)
      : lane_(block.thread() % shape::lanes),
        group_(block.thread() / shape::lanes),
        weights_(block.template shared<T>()),
        operands_(weights_ + rows * number_stride) {}
  MULTIFUSE_DEVICE int row(int i) const { return group_ + i * shape::groups; }
  MULTIFUSE_DEVICE int column(int j) const { return lane_ + j * shape::lanes; }
  /// Whole vectors lie side by side.
  MULTIFUSE_DEVICE int result(int v) const { return v / n * n * shape::lanes + lane_ * n + v % n; }
  /// Whether the thread is the first of those that share its rows.
  MULTIFUSE_DEVICE bool is_first_of_row() const { return lane_ == 0; }
  MULTIFUSE_DEVICE bool has_results() const { return true; }
  /// Room for numbers [rows, number_stride], once products are no longer needed.
  MULTIFUSE_DEVICE T* numbers() const { return weights_; }

  template <class Block> MULTIFUSE_DEVICE void begin(const Block&, const tile_operands<T> (&operands)[2]) {
    MULTIFUSE_UNROLL
    for (int which = 0; which < 2; ++which) all_[which] = operands[which];
  }
  template <class Block> MULTIFUSE_DEVICE void move_to(const Block&, int first) { first_ = first; }
  MULTIFUSE_DEVICE bool has_few_columns() const { return all_[0].right.rows - first_ <= few * shape::lanes; }

  /// The scalar products of rows, for the first `Columns` of each thread.
  template <int Which, int Columns, class Block>
  MULTIFUSE_DEVICE void products(const Block& block, T (&scores)[R][Columns]) const {
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i) MULTIFUSE_UNROLL
    for (int j = 0; j < Columns; ++j) scores[i][j] = T(0);
    add_products(block, all_[Which].left, all_[Which].right.from(first_, 0), scores);
  }

  /// Adds the product of weights and the rows on the right, from column `first_result`.
  template <int Which, int Columns, class Block>
  MULTIFUSE_DEVICE void add_weighted_rows(const Block& block, const T (&weights)[R][Columns], int first_result,
                                          T (&sums)[R][V]) const {
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i)  // those before have been read: the products between waited for all
      MULTIFUSE_UNROLL
    for (int j = 0; j < Columns; ++j) weights_[row(i) * number_stride + column(j)] = weights[i][j];
    const head_rows<T> right = all_[Which].right.from(first_, first_result);
    const int existing = columns > right.rows ? right.rows : columns;  // (an axis is called rows, too)
    const int depth = (existing + n - 1) / n * n;
    block.sync();  // the operands before have been read
    copy(block, operands_, results, depth, results, right);
    block.sync();
    for (int k = 0; k < depth; k += n) {
      widest<T> left[R];
      MULTIFUSE_UNROLL
      for (int i = 0; i < R; ++i) left[i] = read_vector(weights_ + row(i) * number_stride + k);
      MULTIFUSE_UNROLL
      for (int e = 0; e < n; ++e) {
        MULTIFUSE_UNROLL
        for (int v = 0; v < V; v += n) {
          const widest<T> b = read_vector(operands_ + (k + e) * results + result(v));
          MULTIFUSE_UNROLL
          for (int i = 0; i < R; ++i) MULTIFUSE_UNROLL
          for (int c = 0; c < n; ++c) sums[i][v + c] += left[i].at[e] * b.at[c];
        }
      }
    }
  }

  /// Puts together what the threads that share a row have.
  template <class Block, class Operation>
  MULTIFUSE_DEVICE T of_row(const Block& block, T value, Operation operation) const {
    for (int bits = shape::lanes / 2; bits > 0; bits /= 2) value = operation(value, block.exchange(value, bits));
    return value;
  }

 private:
  /// Copies `count` rows of `wide` elements (whole vectors) into shared memory, with zeros for those that do not exist.
  template <class Block>
  MULTIFUSE_DEVICE static void copy(const Block& block, T* to, int stride, int count, int wide,
                                    const head_rows<T>& from) {
    const int vectors = wide / n;
    for (int i = block.thread(); i < count * vectors; i += threads) {
      const int row = i / vectors, column = i % vectors * n;
      widest<T> elements{};
      if (row < from.rows) {
        const T* const first = from.row(row) + column;
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

  /// For the first Columns x 16 rows of `right`. What was in the operands' memory is gone.
  template <int Columns, class Block>
  MULTIFUSE_DEVICE void add_products(const Block& block, const head_rows<T>& left, const head_rows<T>& right,
                                     T (&sums)[R][Columns]) const {
    T* const left_rows = operands_;
    T* const right_rows = left_rows + rows * operand_stride;
    for (int first = 0; first < left.width; first += shape::depth) {
      block.sync();  // the rows before have been read
      copy(block, left_rows, operand_stride, rows, shape::depth, left.from(0, first));
      copy(block, right_rows, operand_stride, Columns * shape::lanes, shape::depth, right.from(0, first));
      block.sync();
      for (int k = 0; k < shape::depth; k += n) {
        widest<T> b[Columns];
        MULTIFUSE_UNROLL
        for (int j = 0; j < Columns; ++j) b[j] = read_vector(right_rows + column(j) * operand_stride + k);
        MULTIFUSE_UNROLL
        for (int i = 0; i < R; ++i) {
          const widest<T> a = read_vector(left_rows + row(i) * operand_stride + k);
          MULTIFUSE_UNROLL
          for (int j = 0; j < Columns; ++j) MULTIFUSE_UNROLL
          for (int e = 0; e < n; ++e) sums[i][j] += a.at[e] * b[j].at[e];
        }
      }
    }
  }

  int lane_, group_;
  T *weights_, *operands_;
  tile_operands<T> all_[2];
  int first_ = 0;
};

}  // namespace multifuse::detail
