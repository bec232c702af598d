#pragma once
#include "block.hpp"
#include "launch.hpp"

/// The products inside a `gathered_product`: slabs of both factors stand in shared memory as they are read, and each
/// thread has a part of the tile of results in registers.
namespace multifuse::detail {

/// How a tile of `Rows` x `Columns` results is shared by the threads of a block.
template <class T, int Rows, int Columns> struct gathered_tile_shape {
  static constexpr int threads = sizeof(T) < 4 ? 128 : 256, rows = Rows, columns = Columns;
  static constexpr int depth = int((sizeof(T) < 4 ? 128 : 64) / sizeof(T));  // of a slab
};

/// A slab of one factor: lines of places, as `gathered_operand` has them; `Extent` rows or columns of the product and
/// `Shape::depth` of its depth.
template <class Operand, class Shape, int Extent> class gathered_slab {
  using T = typename Operand::scalar;
  static constexpr int n = widest_vector<T>;

 public:
  static constexpr bool along_depth = Operand::lines_along_depth;
  static constexpr int lines = along_depth ? Shape::depth : Extent, places = along_depth ? Extent : Shape::depth;
  static constexpr int stride = places + n;  // so that neighboring lines start in other banks
  static constexpr int elements = lines * stride;

  /// `first`: of the rows or columns, of which the product has `count`. What is behind them is read as the last one is,
  /// and its results are not stored.
  MULTIFUSE_DEVICE gathered_slab(const Operand& operand, int thread, int first, int count, int first_of_depth)
      : operand_(operand), line_(thread / vectors), place_(thread % vectors * n) {
    if constexpr (along_depth) {
      distance_ = operand.distance_of(lines_at_once);
      at_[0] = operand.line_at(first_of_depth + line_);
      first_ = first + place_;
      last_ = count - (Operand::in_vectors ? n : 1);
    } else {
      MULTIFUSE_UNROLL
      for (int i = 0; i < own_lines; ++i) {
        const int number = first + line_ + i * lines_at_once;
        at_[i] = operand.line_at(number < count ? number : count - 1);
      }
    }
  }

  /// Begins to copy the slab from `first` of the depth on, with zeros from `end` on. Slabs are copied one after the other.
  template <class Block> MULTIFUSE_DEVICE void begin_copy(const Block& block, T* to, int first, int end) {
    if (line_ >= lines) return;  // there are fewer lines than threads for them
    MULTIFUSE_UNROLL
    for (int i = 0; i < own_lines; ++i) {
      T* const target = to + (line_ + i * lines_at_once) * stride + place_;
      const int at_depth = first + (along_depth ? line_ + i * lines_at_once : place_);
      if constexpr (Operand::in_vectors) {
        const T* const from = at_depth < end ? find(i, at_depth, 0) : nullptr;
        block.begin_copy(target, from ? from : operand_.data, from != nullptr);
      } else {
        widest<T> some{};
        MULTIFUSE_UNROLL
        for (int e = 0; e < n; ++e) {
          const T* const from = at_depth + (along_depth ? 0 : e) < end ? find(i, at_depth, e) : nullptr;
          if (from) some.at[e] = *from;
        }
        write_vector(target, some);
      }
      if constexpr (along_depth) operand_.move(at_[0], distance_);
    }
  }

 private:
  static constexpr int vectors = places / n;  // of a line; a thread copies the same one of each of its lines
  static constexpr int lines_at_once = Shape::threads / vectors < lines ? Shape::threads / vectors : lines;
  static constexpr int own_lines = lines / lines_at_once;
  static_assert(Shape::threads % vectors == 0 && lines % lines_at_once == 0);

  MULTIFUSE_DEVICE const T* find(int i, int at_depth, int e) const {
    if constexpr (along_depth)
      return operand_.find(at_[0], operand_.place_at(first_ + e < last_ ? first_ + e : last_));
    else
      return operand_.find(at_[i], operand_.place_at(at_depth + e));
  }

  Operand operand_;
  int line_, place_, first_ = 0, last_ = 0;
  typename Operand::line at_[along_depth ? 1 : own_lines]{};
  typename Operand::distance distance_{};
};

/// A tile for elements that are computed with as they are. Of 16 x 16 threads, each has every 16th row and vectors of
/// columns where they are neighbors in shared memory, else every 16th column.
template <class T, int Rows, int Columns, class Left, class Right> class gathered_scalar_tile {
  static constexpr int lanes = 16, n = widest_vector<T>;

 public:
  using shape = gathered_tile_shape<T, Rows, Columns>;
  using number = T;
  using left_slab = gathered_slab<Left, shape, Rows>;
  using right_slab = gathered_slab<Right, shape, Columns>;
  static constexpr int R = Rows / lanes, C = Columns / lanes, neighbors = 1;

  MULTIFUSE_DEVICE explicit gathered_scalar_tile(int thread) : row_(thread / lanes), column_(thread % lanes) {}
  MULTIFUSE_DEVICE int row(int i) const { return place<left_slab, R>(row_, i); }
  MULTIFUSE_DEVICE int column(int j) const { return place<right_slab, C>(column_, j); }

  template <class Block>
  MULTIFUSE_DEVICE void add_products(const Block&, const T* left, const T* right, int depth, T (&sums)[R][C]) const {
    for (int k = 0; k < depth; k += n) {
      T b[n][C];
      read_block<right_slab>(right, column_, k, b);
      if constexpr (left_slab::along_depth) {
        T a[n][R];
        read_block<left_slab>(left, row_, k, a);
        MULTIFUSE_UNROLL
        for (int e = 0; e < n; ++e) MULTIFUSE_UNROLL
        for (int i = 0; i < R; ++i) MULTIFUSE_UNROLL
        for (int j = 0; j < C; ++j) sums[i][j] += a[e][i] * b[e][j];
      } else {
        MULTIFUSE_UNROLL
        for (int i = 0; i < R; ++i) {  // a vector at a time, which takes fewer registers
          const widest<T> a = read_vector(left + row(i) * left_slab::stride + k);
          MULTIFUSE_UNROLL
          for (int e = 0; e < n; ++e) MULTIFUSE_UNROLL
          for (int j = 0; j < C; ++j) sums[i][j] += a.at[e] * b[e][j];
        }
      }
    }
  }

 private:
  /// How many neighbors a thread has of `Own` rows or columns.
  template <class Slab, int Own> static constexpr int run = !Slab::along_depth ? 1 : Own < n ? Own : n;
  template <class Slab, int Own> MULTIFUSE_DEVICE static int place(int lane, int i) {
    constexpr int together = run<Slab, Own>;
    return i / together * together * lanes + lane * together + i % together;
  }
  /// n of the depth from k on, for all rows or columns of the thread.
  template <class Slab, int Own>
  MULTIFUSE_DEVICE static void read_block(const T* slab, int lane, int k, T (&to)[n][Own]) {
    if constexpr (Slab::along_depth) {
      constexpr int together = run<Slab, Own>;
      MULTIFUSE_UNROLL
      for (int e = 0; e < n; ++e) MULTIFUSE_UNROLL
      for (int i = 0; i < Own; i += together) {
        const auto some = *reinterpret_cast<const short_vector<T, together>*>(slab + (k + e) * Slab::stride +
                                                                              place<Slab, Own>(lane, i));
        MULTIFUSE_UNROLL
        for (int c = 0; c < together; ++c) to[e][i + c] = some.at[c];
      }
    } else {
      MULTIFUSE_UNROLL
      for (int i = 0; i < Own; ++i) {
        const widest<T> some = read_vector(slab + place<Slab, Own>(lane, i) * Slab::stride + k);
        MULTIFUSE_UNROLL
        for (int e = 0; e < n; ++e) to[e][i] = some.at[e];
      }
    }
  }

  int row_, column_;
};

/// A tile for bf16 on tensor cores, with sums of float. Four warps have up to 64 rows and 64 columns each: the fewer there
/// are, the less is read from shared memory, which is expected to be the limit.
template <int Rows, int Columns, class Left, class Right> class gathered_tensor_core_tile {
 public:
  using shape = gathered_tile_shape<bf16, Rows, Columns>;
  using number = float;
  using left_slab = gathered_slab<Left, shape, Rows>;
  using right_slab = gathered_slab<Right, shape, Columns>;

 private:
  static constexpr int warps_of_row = Columns > 32 ? 2 : 1, warp_columns = Columns / warps_of_row;
  static constexpr int warp_rows = Rows * warps_of_row * 32 / shape::threads;
  static_assert(warp_rows % 16 == 0);

 public:
  static constexpr int R = warp_rows / 8, C = warp_columns / 4, neighbors = 2;

  MULTIFUSE_DEVICE explicit gathered_tensor_core_tile(int thread)
      : lane_(thread % 32),
        first_row_(thread / 32 / warps_of_row * warp_rows),
        first_column_(thread / 32 % warps_of_row * warp_columns) {}
  MULTIFUSE_DEVICE int row(int i) const { return first_row_ + i * 8 + lane_ / 4; }
  MULTIFUSE_DEVICE int column(int j) const { return first_column_ + j / 2 * 8 + lane_ % 4 * 2 + j % 2; }

  template <class Block>
  MULTIFUSE_DEVICE void add_products(const Block& block, const bf16* left, const bf16* right, int depth,
                                     float (&sums)[R][C]) const {
    // where the thread's line of a matrix begins, see load_matrices
    const int low = lane_ % 8, second = lane_ / 8 % 2 * 8, third = lane_ / 16 * 8;
    left += left_slab::along_depth ? (third + low) * left_slab::stride + first_row_ + second
                                   : (first_row_ + second + low) * left_slab::stride + third;
    right += right_slab::along_depth ? (second + low) * right_slab::stride + first_column_ + third
                                     : (first_column_ + third + low) * right_slab::stride + second;
    for (int k = 0; k < depth; k += 16) {
      bf16_pair b[C / 4][4];
      MULTIFUSE_UNROLL
      for (int p = 0; p < C / 4; ++p) load<right_slab>(block, right, k, p * 16, b[p]);
      MULTIFUSE_UNROLL
      for (int r = 0; r < R; r += 2) {
        bf16_pair a[4];
        load<left_slab>(block, left, k, r * 8, a);
        MULTIFUSE_UNROLL
        for (int j = 0; j < C; j += 2)
          block.multiply_add(a, b[j / 4][j % 4], b[j / 4][j % 4 + 1], sums[r][j], sums[r][j + 1], sums[r + 1][j],
                             sums[r + 1][j + 1]);
      }
    }
  }

 private:
  template <class Slab, class Block>
  MULTIFUSE_DEVICE static void load(const Block& block, const bf16* slab, int k, int first, bf16_pair (&to)[4]) {
    if constexpr (Slab::along_depth)
      block.load_transposed_matrices(slab + k * Slab::stride + first, to);
    else
      block.load_matrices(slab + first * Slab::stride + k, to);
  }

  int lane_, first_row_, first_column_;
};

}  // namespace multifuse::detail
