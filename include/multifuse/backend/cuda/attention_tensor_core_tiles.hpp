#pragma once
#include "attention_tiles.hpp"

namespace multifuse::detail {

/// A tile for bf16 on tensor cores, with sums of float. With `Many` rows each of four warps has 16 of them and all
/// columns; with few, the warps share 16 rows and divide the columns. `Width` is that of the result, and of the rows of
/// operands that shared memory holds: where heads are not wider, rows on the left are read once, and those on the right
/// while the tile before is computed.
template <bool Many, int Width> class tensor_core_tile {
  using shape = attention_tile<bf16>;
  static constexpr int warp_rows = 16;  // as the instruction has
  static constexpr int n = widest_vector<bf16>;
  static constexpr int stride = Width + n;  // so that neighboring rows start in other banks

 public:
  using element = bf16;
  using number = float;
  static constexpr int threads = shape::threads, sharers = Many ? 1 : shape::warps;
  static constexpr int rows = Many ? shape::many_rows : shape::few_rows, columns = shape::columns, results = Width;
  static constexpr int columns_of_warp = columns / sharers;
  static constexpr int R = 2, C = columns_of_warp / 4, V = Width / 4, few = 4;
  static constexpr int number_stride = columns + 4;
  template <int Lefts>
  static constexpr std::size_t shared_bytes = std::size_t((Lefts * rows + 4 * columns) * stride) * sizeof(bf16);

  template <class Block>
  MULTIFUSE_DEVICE explicit tensor_core_tile(const Block& block)
      : lane_(block.thread() % 32),
        first_row_(Many ? block.thread() / 32 * warp_rows : 0),
        first_column_(Many ? 0 : block.thread() / 32 * columns_of_warp),
        right_(block.template shared<bf16>()),
        left_(right_ + 4 * slot) {}
  MULTIFUSE_DEVICE int row(int i) const { return first_row_ + lane_ / 4 + i * 8; }
  MULTIFUSE_DEVICE int column(int j) const { return first_column_ + column_of_matrices(j); }
  MULTIFUSE_DEVICE int result(int v) const { return column_of_matrices(v); }
  MULTIFUSE_DEVICE bool is_first_of_row() const { return lane_ % 4 == 0 && has_results(); }
  /// Whether the thread's results are to be stored: those of the first warp, where warps share rows.
  MULTIFUSE_DEVICE bool has_results() const { return first_column_ == 0; }
  MULTIFUSE_DEVICE float* numbers() const { return reinterpret_cast<float*>(right_); }

  template <class Block> MULTIFUSE_DEVICE void begin(const Block& block, const tile_operands<bf16> (&operands)[2]) {
    held_ = true;
    buffer_ = 0;
    MULTIFUSE_UNROLL
    for (int which = 0; which < 2; ++which) {
      all_[which] = operands[which];
      held_ = held_ && operands[which].left.width <= Width && operands[which].right.width <= Width;
    }
    begun_ = false;
    block.sync();  // the operands before have been read
    if (!held_) return;
    MULTIFUSE_UNROLL
    for (int which = 0; which < 2; ++which)
      if (operands[which].left.data) begin_copy(block, left_ + which * rows * stride, rows, operands[which].left);
  }

  template <class Block> MULTIFUSE_DEVICE void move_to(const Block& block, int first) {
    first_ = first;
    if (!held_) return;
    if (begun_)
      buffer_ = 1 - buffer_;
    else
      begin_right(block, buffer_, first);
    begun_ = true;
    block.wait_for_copies();
    block.sync();  // all have arrived, and the columns before have been read
    if (first + columns < all_[0].right.rows) begin_right(block, 1 - buffer_, first + columns);
  }

  MULTIFUSE_DEVICE bool has_few_columns() const { return all_[0].right.rows - first_ <= 16; }

  template <int Which, int Columns, class Block>
  MULTIFUSE_DEVICE void products(const Block& block, float (&scores)[R][Columns]) const {
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i) MULTIFUSE_UNROLL
    for (int j = 0; j < Columns; ++j) scores[i][j] = 0.0f;
    const tile_operands<bf16>& x = all_[Which];
    if (held_) return add_products(block, left_ + Which * rows * stride, slot_of(buffer_, Which), x.left.width, scores);
    for (int first = 0; first < x.left.width; first += Width) {
      begin_copy(block, right_, columns, x.right.from(first_, first));
      begin_copy(block, left_, rows, x.left.from(0, first));
      arrive(block);
      add_products(block, left_, right_, x.left.width - first < Width ? x.left.width - first : Width, scores);
      block.sync();
    }
  }

  /// The weights are rounded to bf16, and multiplied in the registers where they are.
  template <int Which, int Columns, class Block>
  MULTIFUSE_DEVICE void add_weighted_rows(const Block& block, const float (&weights)[R][Columns], int first_result,
                                          float (&sums)[R][V]) const {
    const int width = all_[Which].right.width - first_result;
    if (held_) return add_weighted(block, weights, slot_of(buffer_, Which), width, sums);
    begin_copy(block, right_, columns, all_[Which].right.from(first_, first_result));
    arrive(block);
    add_weighted(block, weights, right_, width < Width ? width : Width, sums);
    block.sync();
  }

  template <class Block, class Operation>
  MULTIFUSE_DEVICE float of_row(const Block& block, float value, Operation operation) const {
    value = operation(value, block.exchange(value, 1));
    return operation(value, block.exchange(value, 2));
  }

  /// Puts together what threads of warps that share rows have, in the order of the warps. All threads come here, when
  /// the products are done.
  template <int N, class Block, class Operation>
  MULTIFUSE_DEVICE void of_sharers(const Block& block, float (&values)[N], Operation operation) const {
    static_assert(N * threads * sizeof(float) <= shared_bytes<0>);
    float* const own = numbers() + lane_;
    block.sync();  // what was there has been read
    MULTIFUSE_UNROLL
    for (int i = 0; i < N; ++i) own[(block.thread() / 32 * N + i) * 32] = values[i];
    block.sync();
    MULTIFUSE_UNROLL
    for (int i = 0; i < N; ++i) {
      values[i] = own[i * 32];
      for (int warp = 1; warp < sharers; ++warp) values[i] = operation(values[i], own[(warp * N + i) * 32]);
    }
  }

 private:
  static constexpr int slot = columns * stride;

  /// Two columns of each matrix of 8 belong to a thread.
  MULTIFUSE_DEVICE int column_of_matrices(int j) const { return j / 2 * 8 + lane_ % 4 * 2 + j % 2; }
  MULTIFUSE_DEVICE bf16* slot_of(int buffer, int which) const { return right_ + (2 * buffer + which) * slot; }

  template <class Block> MULTIFUSE_DEVICE void begin_right(const Block& block, int buffer, int first) const {
    MULTIFUSE_UNROLL
    for (int which = 0; which < 2; ++which)
      begin_copy(block, slot_of(buffer, which), columns, all_[which].right.from(first, 0));
  }

  /// Copies rows, or begins to, with zeros for those that do not exist and up to a width of whole matrices. Where there
  /// are few, a warp with all columns reads no others.
  template <class Block>
  MULTIFUSE_DEVICE static void begin_copy(const Block& block, bf16* to, int count, const head_rows<bf16>& from) {
    constexpr int vectors = Width / n;
    const int width = from.width < Width ? from.width : Width;
    const int whole_width = (width + 15) / 16 * 16, existing = from.rows < count ? from.rows : count;
    const int column = block.thread() % vectors * n, rows_read = existing > 16 || sharers > 1 ? count : 16;
    if (column >= whole_width) return;
    for (int row = block.thread() / vectors; row < rows_read; row += threads / vectors) {
      bf16* const vector = to + row * stride + column;
      const bool exists = row < existing && column < width;
      const bf16* const first = exists ? from.row(row) + column : from.data;
      if (from.in_vectors) {
        block.begin_copy(vector, first, exists);
      } else {
        widest<bf16> elements;
        MULTIFUSE_UNROLL
        for (int e = 0; e < n; ++e) elements.at[e] = exists && column + e < width ? first[e] : bf16(0.0f);
        write_vector(vector, elements);
      }
    }
  }
  template <class Block> MULTIFUSE_DEVICE static void arrive(const Block& block) {
    block.wait_for_copies();
    block.sync();
  }

  template <int Columns, class Block>
  MULTIFUSE_DEVICE void add_products(const Block& block, const bf16* left, const bf16* right, int width,
                                     float (&scores)[R][Columns]) const {
    constexpr int pairs = Columns / 4;  // of matrices, that is 16 columns each
    left += (first_row_ + lane_ % 16) * stride + lane_ / 16 * 8;
    right += (first_column_ + lane_ / 16 * 8 + lane_ % 8) * stride + lane_ / 8 % 2 * 8;
    for (int k = 0; k < width; k += 16) {
      bf16_pair a[4], b[pairs][4];
      block.load_matrices(left + k, a);
      MULTIFUSE_UNROLL
      for (int p = 0; p < pairs; ++p) block.load_matrices(right + p * 16 * stride + k, b[p]);
      MULTIFUSE_UNROLL
      for (int p = 0; p < pairs; ++p) MULTIFUSE_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int j = 4 * p + 2 * half;
        block.multiply_add(a, b[p][2 * half], b[p][2 * half + 1], scores[0][j], scores[0][j + 1], scores[1][j],
                           scores[1][j + 1]);
      }
    }
  }

  template <int Columns, class Block>
  MULTIFUSE_DEVICE void add_weighted(const Block& block, const float (&weights)[R][Columns], const bf16* right,
                                     int width, float (&sums)[R][V]) const {
    constexpr int depth = Columns / 4;  // 16 weights each
    right += (first_column_ + lane_ % 16) * stride + lane_ / 16 * 8;
    bf16_pair a[depth][4];  // a row of scores lies as a row of a factor does
    MULTIFUSE_UNROLL
    for (int k = 0; k < depth; ++k) MULTIFUSE_UNROLL
    for (int matrix = 0; matrix < 4; ++matrix) {
      const float* const two = weights[matrix % 2] + 4 * k + matrix / 2 * 2;
      a[k][matrix] = pair_of(two[0], two[1]);
    }
    MULTIFUSE_UNROLL
    for (int first = 0; first < Width; first += 32) {
      if (first >= width) continue;
      MULTIFUSE_UNROLL
      for (int k = 0; k < depth; ++k) MULTIFUSE_UNROLL
      for (int p = 0; p < 2; ++p) {
        bf16_pair b[4];
        block.load_transposed_matrices(right + k * 16 * stride + first + p * 16, b);
        MULTIFUSE_UNROLL
        for (int half = 0; half < 2; ++half) {
          const int v = (first + p * 16 + half * 8) / 4;
          block.multiply_add(a[k], b[2 * half], b[2 * half + 1], sums[0][v], sums[0][v + 1], sums[1][v],
                             sums[1][v + 1]);
        }
      }
    }
  }

  int lane_, first_row_, first_column_, buffer_ = 0;
  bf16 *right_, *left_;
  tile_operands<bf16> all_[2];
  int first_ = 0;
  bool held_ = false, begun_ = false;
};

}  // namespace multifuse::detail
