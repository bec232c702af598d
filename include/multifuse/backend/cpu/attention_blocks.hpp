#pragma once
#include <algorithm>
#include <utility>

#include "../../tensor/attention_arguments.hpp"
#include "multiply.hpp"

/// Attention in blocks of queries and keys whose scores stay in the first-level cache, where the softmax of a query
/// runs along with its keys (Rabe and Staats 2021; Dao et al. 2022). Heads are read where the projections wrote them.
namespace multifuse::detail {

/// Hands out the workspace of this thread in parts that are aligned to cache lines.
template <class T> class workspace_parts {
 public:
  static constexpr isize line = 64 / isize(sizeof(T));

  /// Room for some parts with some elements in all.
  workspace_parts(isize parts, isize elements)
      : next_(product_workspace<T>::of_this_thread().room(elements + parts * line)) {}
  T* take(isize elements) {
    T* const part = next_;
    next_ += (elements + line - 1) / line * line;
    return part;
  }

 private:
  T* next_;
};

/// The right matrix of a product as matrix kernels read it: panels as wide as their largest tile.
template <class T> struct matrix_panels {
  const T* first;
  isize stride;  ///< from one row of a panel to the next
  isize panel;   ///< from one panel to the next
};

/// How queries and keys are cut into blocks: of whole tiles and panels.
template <class T> class attention_cut {
 public:
  attention_cut(const attention_arguments<T>& arguments, isize tile_rows, isize panel, isize queries_at_once,
                isize keys_at_once)
      : a(arguments), panel_(panel), tiles_(parts_of(a.queries, tile_rows)) {
    query_blocks = parts_of(tiles_, std::max<isize>(1, queries_at_once / tile_rows));
    for (isize i = 0; i < query_blocks; ++i) most_queries = std::max(most_queries, first_query(i + 1) - first_query(i));
    const isize panels = parts_of(a.keys, panel);
    most_keys = parts_of(panels, parts_of(panels * panel, keys_at_once)) * panel;
    whole_head = whole_panels(a.head);
    whole_value_head = whole_panels(a.value_head);
    score_stride = most_keys;
  }

  const attention_arguments<T>& a;
  isize query_blocks, most_queries = 0;  ///< blocks of queries, and queries of the largest
  isize most_keys;                       ///< of a block: whole panels
  isize score_stride;
  isize whole_head, whole_value_head;  ///< widths of heads in whole panels

  isize width() const { return a.heads * a.head; }
  isize value_width() const { return a.heads * a.value_head; }
  isize first_query(isize block) const { return a.queries * (tiles_ * block / query_blocks) / tiles_; }
  isize whole_panels(isize columns) const { return parts_of(columns, panel_) * panel_; }
  /// Multiplications and additions of one head's scores and results.
  isize operations() const { return a.queries * a.keys * (a.head + a.value_head); }

  attention_block<T> block(isize item, isize head, isize query, isize rows, isize key, isize keys,
                           compute_type<T>* scores) const {
    return {rows,
            keys,
            score_stride,
            scores,
            a.bias.first ? a.bias.first + bias_at(item, head, query, key) : nullptr,
            a.bias.query,
            a.bias.key,
            a.mask ? a.mask + item * a.keys + key : nullptr};
  }
  isize bias_at(isize item, isize head, isize query, isize key) const {
    return a.item_bias[item] + head * a.bias.head + query * a.bias.query + key * a.bias.key;
  }

 protected:
  static isize parts_of(isize count, isize size) { return (count + size - 1) / size; }

 private:
  isize panel_, tiles_;
};

/// What the forward and the backward pass share: blocks, and products of blocks.
template <class T> class attention_blocks : public attention_cut<T> {
 public:
  using cut = attention_cut<T>;
  using cut::a, cut::query_blocks, cut::whole_panels;

  attention_blocks(const attention_arguments<T>& arguments, isize queries_at_once, isize keys_at_once)
      : cut(arguments, matrix_kernels_in_use<T>().rows, matrix_kernels_in_use<T>().columns, queries_at_once,
            keys_at_once) {}

  /// Distance of rows that are copied: an odd number of cache lines, so that they do not compete for places in a cache.
  isize row_stride(isize inner) const {
    constexpr isize line = workspace_parts<T>::line;
    return (parts_of(whole_panels(inner), line) | 1) * line;
  }
  const attention_kernels<T>& rows() const { return rows_; }

  /// result[rows, columns] = alpha left right + beta result, where the result has room for whole panels of columns.
  void multiply(isize rows, isize columns, isize inner, T alpha, matrix<const T> left, matrix_panels<T> right, T beta,
                T* result, isize stride) const {
    const bool by_columns = left.order == layout::transposed;
    const auto* const kernels = by_columns ? matrix_.by_columns : matrix_.by_rows;
    const isize tiles = parts_of(rows, matrix_.rows);
    for (isize column = 0; column < columns; column += matrix_.columns, right.first += right.panel)
      for (isize tile = 0, row = 0; tile < tiles; ++tile) {
        const isize next = rows * (tile + 1) / tiles;
        kernels[next - row - 1]({inner, left.data + row * (by_columns ? 1 : left.stride), left.stride, right.first,
                                 right.stride, result + row * stride + column, stride, matrix_.columns, alpha, beta});
        row = next;
      }
  }

  /// Rows of one head that were laid out to be the columns of a product.
  struct columns_of_product {
    const T* first;
    isize count, inner;
  };
  isize room_for_columns(isize count, isize inner) const { return whole_panels(count) * inner; }
  /// Whole panels are transposed. A few rows behind them are not worth a panel: they stay rows.
  columns_of_product lay_out_columns(const T* from, isize stride, isize count, isize inner, T* to) const {
    const isize last = count - few_behind(count);
    for (isize row = 0; row < last; row += matrix_.columns)
      matrix_.transpose(to + row * inner, matrix_.columns, from + row * stride, stride,
                        std::min(matrix_.columns, last - row), inner);
    for (isize row = last; row < count; ++row) std::copy_n(from + row * stride, inner, to + row * inner);
    return {to, count, inner};
  }
  /// result[rows, count] = alpha left columns, for `count` columns from `first`: the first of a panel, up to the last
  /// of one or to the end.
  void multiply_columns(isize rows, isize count, T alpha, const T* left, isize left_stride,
                        const columns_of_product& right, isize first, T* result, isize stride) const {
    const isize few = first + count == right.count ? few_behind(right.count) : 0, inner = right.inner;
    const T* const from = right.first + first * inner;
    multiply(rows, count - few, inner, alpha, {left, left_stride, 0}, {from, matrix_.columns, matrix_.columns * inner},
             T(0), result, stride);
    for (isize row = 0; few > 0 && row < rows;) {
      const bool several = row + matrix_.rows_of_products <= rows;
      (several ? matrix_.several_row_products : matrix_.row_products)(
          {inner, left + row * left_stride, left_stride, from + (count - few) * inner, inner,
           result + row * stride + count - few, stride, whole_groups(few), alpha, T(0)});
      row += several ? matrix_.rows_of_products : 1;
    }
  }

  /// Rows of one head as the right matrix of other products: in place, or copied if panels are not whole or rows would
  /// compete for the same places of a cache.
  bool in_place(isize inner, isize stride) const {
    return inner % matrix_.columns == 0 && (query_blocks == 1 || !aliases(stride));
  }
  isize room_for_rows(isize rows, isize inner, isize stride) const {
    return in_place(inner, stride) ? 0 : rows * row_stride(inner);
  }
  matrix_panels<T> rows_from(const T* copied, isize row, isize inner) const {
    return {copied + row * row_stride(inner), row_stride(inner), matrix_.columns};
  }
  matrix_panels<T> rows_in_place(const T* from, isize stride) const { return {from, stride, matrix_.columns}; }
  /// Rows whose distance is a multiple of a page's size compete for the same places of the first-level cache.
  static bool aliases(isize stride) { return stride * isize(sizeof(T)) % 4096 == 0; }
  void copy_rows(const T* from, isize stride, isize rows, isize inner, T* to) const {
    const isize to_stride = row_stride(inner), whole = whole_panels(inner);
    for (isize row = 0; row < rows; ++row, to += to_stride, from += stride) {
      std::copy_n(from, inner, to);
      std::fill(to + inner, to + whole, T(0));
    }
  }

 private:
  using cut::parts_of;
  isize few_behind(isize count) const {
    const isize rest = count % matrix_.columns;
    return rest <= matrix_.columns / 4 ? rest : 0;
  }
  /// Columns that the kernel for several rows takes at once.
  isize whole_groups(isize count) const {
    const isize group = matrix_.lanes / matrix_.rows_of_products;
    return parts_of(count, group) * group;
  }

  const matrix_kernels<T>& matrix_ = matrix_kernels_in_use<T>();
  const attention_kernels<T>& rows_ = attention_kernels_in_use<T>();
};

/// Elements of the bias of all items.
template <class T> isize bias_size(const attention_arguments<T>& a) {
  if (!a.bias.first) return 0;
  return *std::max_element(a.item_bias, a.item_bias + a.items) + a.bias.head * (a.heads - 1) +
         a.bias.query * (a.queries - 1) + a.bias.key * (a.keys - 1) + 1;
}

inline constexpr isize attention_enough = 500'000;  // multiplications and additions, to be worth another thread

/// one(item, head) for all heads, which are spread over threads; those that add to the same bias stay in one thread.
/// `operations`: multiplications and additions of a head's forward pass.
template <class T, class One>
void in_parallel_heads(const attention_arguments<T>& a, bool bias_wanted, isize operations, const One& one) {
  const isize pairs = a.items * a.heads, apart = !bias_wanted ? pairs : a.bias.head ? a.heads : 1;
  in_parallel(apart, 1, attention_enough / (3 * operations * (pairs / apart)), [&](isize first, isize last) {
    for (isize unit = first; unit < last; ++unit)
      for (isize pair = unit; pair < pairs; pair += apart) one(pair / a.heads, pair % a.heads);
  });
}

}  // namespace multifuse::detail
