#pragma once
#include <algorithm>
#include <cstdint>

#include "../../core/bf16.hpp"
#include "multiply.hpp"

namespace multifuse::detail {

/// What a kernel is asked to compute: result = finish(alpha left right + beta result + bias) for a few rows and
/// columns. The right matrix is laid out: all columns of a pair along the inner axis, then those of the next pair. So
/// is the left one where kernels take it by columns.
template <class R> struct bf16_tile {
  isize inner;
  const bf16* left;
  isize left_stride;  ///< elements between rows, or between pairs of a left matrix by columns
  const bf16* right;
  isize right_stride;  ///< elements between columns, where kernels take those of a matrix in memory
  R* result;
  isize result_stride;
  isize columns;
  float alpha, beta;
  const bf16* bias;  ///< of each column, or null
  void (*finish)(float* first, isize stride, isize rows, isize columns) = nullptr;  ///< or null
  const bf16* soon = nullptr;  ///< a cache line for each pair of the inner axis is fetched from here on
};

}  // namespace multifuse::detail

#if defined(__x86_64__)
#if defined(__clang__)
MULTIFUSE_PRAGMA(clang attribute push(__attribute__((no_sanitize("undefined"))), apply_to = function))
#endif
MULTIFUSE_COMPILE_FOR("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#include "kernels/bf16_tile.inl"
MULTIFUSE_COMPILE_FOR_ALL
#if defined(__clang__)
MULTIFUSE_PRAGMA(clang attribute pop)
#endif
#endif

namespace multifuse::detail {

/// Rows of bf16 as rows of floats.
struct widen_kernel {
  const bf16* from;
  isize stride;
  float* to;
  isize columns;
  MULTIFUSE_HD void operator()(isize row, isize i) const { to[row * columns + i] = from[row * stride + i]; }
};

/// result = alpha sums + beta before + bias, where the result may be the sums or what was before.
template <class R, class Result> struct finish_sums_kernel {
  const float* sums;
  isize columns;
  const R* before;
  isize before_stride;
  float alpha, beta;
  const bf16* bias;
  Result* result;
  isize result_stride;
  MULTIFUSE_HD void operator()(isize row, isize i) const {
    float sum = alpha * sums[row * columns + i];
    if (beta != 0.0f) sum += beta * float(before[row * before_stride + i]);
    result[row * result_stride + i] = bias ? sum + float(bias[i]) : sum;
  }
};

/// Products of bf16 matrices, summed in float over the whole inner axis and rounded once; the result is bf16 or float.
/// With the instructions for it, both operands are laid out in pairs along the inner axis; without, blocks of them
/// become float.
template <class R> class bf16_product : public product_in_parts<bf16_product<R>, bf16, R> {
 public:
  bf16_product(isize m, isize n, isize k, float alpha, matrix<const bf16> a, matrix<const bf16> b, float beta,
               matrix<R> c, product_extras<bf16> extras = {})
      : in_parts(m, n, k, alpha, a, b, beta, c, extras),
        pairs_(instructions_in_use() == instruction_set::avx512_bf16) {}

  /// The right matrix as kernels read it: panels of as many columns as a tile has, pair by pair. Only with the
  /// instructions for pairs.
  static void pack(bf16* to, isize n, isize k, matrix<const bf16> b);
  static isize packed_size(isize n, isize k) { return packing() ? (n + 31) / 32 * 32 * packed_inner(k) : 0; }
  static isize packing() { return instructions_in_use() == instruction_set::avx512_bf16 ? 32 : 0; }

 private:
  using in_parts = product_in_parts<bf16_product, bf16, R>;
  friend in_parts;
  using in_parts::m_, in_parts::n_, in_parts::k_, in_parts::alpha_, in_parts::beta_, in_parts::a_, in_parts::b_,
      in_parts::c_, in_parts::extras_, in_parts::stride_aliases, in_parts::tile_count, in_parts::for_each_tile;
  static constexpr isize block_rows = 128, block_columns = 256, block_inner = 512;  // of what is made float at once

  isize row_grain() const { return pairs_ ? 14 : block_rows; }
  isize column_grain() const { return pairs_ ? 32 : block_columns; }
  static isize packed_inner(isize k) { return (k + 1) / 2 * 2; }
  void multiply_as_part_of(const bf16_product& whole) const;

#if defined(__x86_64__)
  static constexpr isize inner_per_row = 16;  // with less of it, laying out the right matrix takes less than it saves

  /// Both operands are read where they are: a row of each is a run along the inner axis.
  void multiply_rows_in_place() const {
    using namespace avx512_bf16;
    for (isize j = 0; j < n_; j += tile_columns)
      for (isize row = 0, rows; row < m_; row += rows) {
        rows = m_ - row >= 4 ? 4 : m_ - row >= 2 ? 2 : 1;
        const auto kernel = rows == 4   ? multiply_row_products<R, 4>
                            : rows == 2 ? multiply_row_products<R, 2>
                                        : multiply_row_products<R, 1>;
        kernel({k_, a_.data + row * a_.stride, a_.stride, b_.data + j * b_.stride, b_.stride,
                c_.data + row * c_.stride + j, c_.stride, std::min<isize>(tile_columns, n_ - j), alpha_, beta_,
                extras_.bias ? extras_.bias + j : nullptr, extras_.finish});
      }
  }

  void multiply_pairs() const {
    using namespace avx512_bf16;
    constexpr isize most_inner = 4096, bytes_of_block = 1 << 20;  // of the left matrix
    const isize parts = std::max<isize>(1, (k_ + most_inner - 1) / most_inner);
    const isize pairs = ((k_ + parts - 1) / parts + 1) / 2;
    const isize tiles_at_once = std::max<isize>(1, bytes_of_block / (std::max<isize>(1, pairs) * lanes * 4));
    const isize rows_at_once = std::min(m_, tiles_at_once * tile_rows);
    const isize tiles_of_block = (rows_at_once + tile_rows - 1) / tile_rows, columns_of_sums = parts > 1 ? n_ : 0;
    const bool many = m_ >= 18 * tile_rows && n_ >= 48 * tile_columns;  // tiles, for which laying out pays
    const bool lay_out_left = a_.order != layout::plain || k_ % 2 != 0 || many || stride_aliases(a_.stride);
    pair* const panel = product_workspace<pair>::of_this_thread().room(
        pairs * (tile_columns + (lay_out_left ? tiles_of_block * lanes : 0)) + rows_at_once * columns_of_sums);
    pair* const left = panel + pairs * tile_columns;
    float* const sums = reinterpret_cast<float*>(left + (lay_out_left ? pairs * tiles_of_block * lanes : 0));
    for (isize i = 0; i < m_; i += rows_at_once) {
      const isize rows = std::min(rows_at_once, m_ - i);
      for (isize k = 0; k < k_ || k == 0; k += 2 * pairs) {
        const isize inner = std::min(2 * pairs, k_ - k);
        if (lay_out_left)
          for_each_tile(rows, [&](isize tile, isize row, isize height) {
            lay_out(left + tile * lanes * pairs, lanes, a_, layout::plain, i + row, height, k, inner);
          });
        for (isize j = 0; j < n_; j += tile_columns) {
          bf16_tile<R> tile{inner,     nullptr,
                            0,         reinterpret_cast<const bf16*>(panel),
                            0,         c_.data + i * c_.stride + j,
                            c_.stride, std::min<isize>(tile_columns, n_ - j),
                            alpha_,    beta_,
                            extras_.bias ? extras_.bias + j : nullptr, extras_.finish};
          if (extras_.packed)
            tile.right = extras_.packed + j * packed_inner(k_) + k * tile_columns;
          else
            lay_out(panel, tile_columns, b_, layout::transposed, j, tile.columns, k, inner);
          const bf16* const left_of_tiles = lay_out_left ? reinterpret_cast<const bf16*>(left) : nullptr;
          if (parts == 1)
            multiply_rows(tile, left_of_tiles, pairs, i, rows, k);
          else
            multiply_rows(bf16_tile<float>{inner, nullptr, 0, tile.right, 0, sums + j, n_, tile.columns, 1.0f,
                                           k == 0 ? 0.0f : 1.0f, nullptr},
                          left_of_tiles, pairs, i, rows, k);
        }
      }
      if (parts > 1) store_sums(sums, i, rows, 0, n_);
    }
  }

  /// The rows of a block of the left matrix, laid out or where they are, times one panel of the right one.
  template <class Sum>
  void multiply_rows(bf16_tile<Sum> tile, const bf16* laid_out, isize pairs, isize first, isize rows, isize k) const {
    using namespace avx512_bf16;
    constexpr isize step = cache_line / isize(sizeof(bf16)), fetching = 2 * tile_columns / step;
    const isize first_fetching = std::max<isize>(0, tile_count(rows) - fetching);
    const auto* const kernels = laid_out ? tiles<Sum>::by_columns : tiles<Sum>::by_rows;
    for_each_tile(rows, [&](isize i, isize row, isize height) {
      if (extras_.packed && i >= first_fetching)  // see matrix_product
        tile.soon = tile.right + tile_columns * packed_inner(k_) + (i - first_fetching) * pairs * step;
      tile.left = laid_out ? laid_out + i * 2 * lanes * pairs : a_.data + (first + row) * a_.stride + k;
      tile.left_stride = laid_out ? 2 * lanes : a_.stride;
      kernels[height - 1](tile);
      tile.result += height * tile.result_stride;
    });
  }

  /// Elements k ... k + inner - 1 of some rows of the left matrix, or columns of the right one, in pairs. They are rows
  /// in memory if the matrix has the order `in_rows`.
  static void lay_out(std::uint32_t* to, isize step, const matrix<const bf16>& from, layout in_rows, isize first,
                      isize count, isize k, isize inner) {
    if (from.order == in_rows)
      avx512_bf16::lay_out_rows(to, step, from.data + first * from.stride + k, from.stride, count, inner);
    else
      avx512_bf16::lay_out_columns(to, step, from.data + k * from.stride + first, from.stride, count, inner);
  }
#endif

  void multiply_as_float() const {
    const isize rows_at_once = std::min(block_rows, m_), columns_at_once = std::min(block_columns, n_),
                inner_at_once = std::max<isize>(1, std::min(block_inner, k_));
    // not the workspace of products of floats, which is in use meanwhile
    float* const sums = reinterpret_cast<float*>(product_workspace<std::uint32_t>::of_this_thread().room(
        rows_at_once * columns_at_once + (rows_at_once + columns_at_once) * inner_at_once));
    float* const left = sums + rows_at_once * columns_at_once;
    float* const right = left + rows_at_once * inner_at_once;
    for (isize i = 0; i < m_; i += rows_at_once)
      for (isize j = 0; j < n_; j += columns_at_once) {
        const isize rows = std::min(rows_at_once, m_ - i), columns = std::min(columns_at_once, n_ - j);
        for (isize k = 0; k < k_ || k == 0; k += inner_at_once) {
          const isize inner = std::min(inner_at_once, k_ - k);
          matrix_product<float>(rows, columns, inner, 1.0f, made_float(left, a_, i, rows, k, inner),
                                made_float(right, b_, k, inner, j, columns), k == 0 ? 0.0f : 1.0f, {sums, columns, 0})
              .compute();
        }
        store_sums(sums, i, rows, j, columns);
      }
  }

  /// c = finish(alpha sums + beta c + bias) for some rows and columns.
  void store_sums(float* sums, isize first_row, isize rows, isize first_column, isize columns) const {
    R* const to = c_.data + first_row * c_.stride + first_column;
    const bf16* const bias = extras_.bias ? extras_.bias + first_column : nullptr;
    if (!extras_.finish)
      return for_each_in_use(
          0, rows, 0, columns,
          finish_sums_kernel<R, R>{sums, columns, to, c_.stride, alpha_, beta_, bias, to, c_.stride});
    for_each_in_use(0, rows, 0, columns,
                    finish_sums_kernel<R, float>{sums, columns, to, c_.stride, alpha_, beta_, bias, sums, columns});
    extras_.finish(sums, columns, rows, columns);
    for_each_in_use(0, rows, 0, columns,
                    finish_sums_kernel<R, R>{sums, columns, to, c_.stride, 1.0f, 0.0f, nullptr, to, c_.stride});
  }

  /// A block of a matrix as floats, in the same order.
  static matrix<const float> made_float(float* to, const matrix<const bf16>& from, isize first_row, isize rows,
                                        isize first_column, isize columns) {
    const bool plain = from.order == layout::plain;
    const isize lines = plain ? rows : columns, length = plain ? columns : rows;
    const bf16* const corner =
        from.data + (plain ? first_row * from.stride + first_column : first_column * from.stride + first_row);
    for_each_in_use(0, lines, 0, length, widen_kernel{corner, from.stride, to, length});
    return {to, length, 0, from.order};
  }

  bool pairs_;
};

template <class R>
void bf16_product<R>::pack([[maybe_unused]] bf16* to, [[maybe_unused]] isize n, [[maybe_unused]] isize k,
                           [[maybe_unused]] matrix<const bf16> b) {
#if defined(__x86_64__)
  using namespace avx512_bf16;
  const isize pairs = (k + 1) / 2;
  std::fill_n(to, packed_size(n, k), bf16(0.0f));
  for (isize j = 0; j < n; j += tile_columns, to += 2 * tile_columns * pairs)
    lay_out(reinterpret_cast<std::uint32_t*>(to), tile_columns, b, layout::transposed, j,
            std::min<isize>(tile_columns, n - j), 0, k);
#endif
}

template <class R> void bf16_product<R>::multiply_as_part_of([[maybe_unused]] const bf16_product& whole) const {
#if defined(__x86_64__)
  const bool rows_in_place = !extras_.packed && a_.order == layout::plain && b_.order == layout::transposed &&
                             whole.m_ * inner_per_row <= k_;
  if (pairs_) return rows_in_place ? multiply_rows_in_place() : multiply_pairs();
#endif
  multiply_as_float();
}

#if defined(MULTIFUSE_COMPILED_KERNELS)  // elsewhere: see compiled_kernels.hpp
extern template class bf16_product<bf16>;
extern template class bf16_product<float>;
#endif

}  // namespace multifuse::detail
