#pragma once
#include <algorithm>

#include "../../tensor/attention_arguments.hpp"
#include "multiply.hpp"

/// Attention in blocks of queries and keys whose scores stay in the first-level cache, where the softmax of a query runs
/// along with its keys (Rabe and Staats 2021; Dao et al. 2022). Heads are read where the projections wrote them.
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

/// What the forward and the backward pass share: how queries and keys are cut into blocks, and products of blocks.
template <class T> class attention_blocks {
 public:
  attention_blocks(const attention_arguments<T>& arguments, isize queries_at_once, isize keys_at_once) : a(arguments) {
    tiles_ = parts_of(a.queries, matrix_.rows);
    query_blocks = parts_of(tiles_, std::max<isize>(1, queries_at_once / matrix_.rows));
    for (isize i = 0; i < query_blocks; ++i) most_queries = std::max(most_queries, first_query(i + 1) - first_query(i));
    const isize panels = parts_of(a.keys, matrix_.columns);
    most_keys = parts_of(panels, parts_of(panels * matrix_.columns, keys_at_once)) * matrix_.columns;
    head = whole_panels(a.head);
    value_head = whole_panels(a.value_head);
    score_stride = most_keys;
  }

  const attention_arguments<T>& a;
  isize query_blocks, most_queries = 0;  ///< blocks of queries, and queries of the largest
  isize most_keys;                       ///< of a block: whole panels
  isize score_stride;
  isize head, value_head;  ///< widths in whole panels

  isize width() const { return a.heads * a.head; }
  isize value_width() const { return a.heads * a.value_head; }
  isize first_query(isize block) const { return a.queries * (tiles_ * block / query_blocks) / tiles_; }
  /// Distance of rows that are copied: an odd number of cache lines, so that rows do not compete for places in a cache.
  isize row_stride(isize panels_width) const {
    constexpr isize line = workspace_parts<T>::line;
    return (parts_of(panels_width, line) | 1) * line;
  }
  /// Multiplications and additions of one head's scores and results.
  isize operations() const { return a.queries * a.keys * (a.head + a.value_head); }
  isize panel() const { return matrix_.columns; }
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

  /// Keys or values of one head as the right matrix of scores: laid out as the columns of panels, or read in place if that is
  /// not worth while.
  struct transposed_right {
    const T* rows;
    isize stride;
    isize inner;
    T* panels;  ///< null: in place
  };
  isize room_for_transposed(isize rows, isize inner) const { return few() ? 0 : whole_panels(rows) * inner; }
  transposed_right transposed(const T* from, isize stride, isize rows, isize inner, T* room) const {
    if (!few())
      for (isize row = 0; row < rows; row += matrix_.columns)
        matrix_.transpose(room + row * inner, matrix_.columns, from + row * stride, stride,
                          std::min(matrix_.columns, rows - row), inner);
    return {from, stride, inner, few() ? nullptr : room};
  }
  /// scores[rows, keys] = alpha left right^T for keys from `first`, the first of a panel.
  void multiply_transposed(isize rows, isize keys, T alpha, const T* left, isize stride, const transposed_right& right,
                           isize first, T* scores) const {
    if (right.panels) {
      multiply(rows, keys, right.inner, alpha, {left, stride, 0},
               {right.panels + first * right.inner, matrix_.columns, matrix_.columns * right.inner}, T(0), scores,
               score_stride);
      return;
    }
    for (isize row = 0; row < rows;) {
      const bool several = row + matrix_.rows_of_products <= rows;
      (several ? matrix_.several_row_products
               : matrix_.row_products)({right.inner, left + row * stride, stride, right.rows + first * right.stride,
                                        right.stride, scores + row * score_stride, score_stride, keys, alpha, T(0)});
      row += several ? matrix_.rows_of_products : 1;
    }
  }

  /// Rows of one head as a right matrix: copied, or in place if panels are whole and few rows meet them.
  bool in_place(isize inner) const { return few() && inner % matrix_.columns == 0; }
  isize room_for_rows(isize rows, isize inner) const { return in_place(inner) ? 0 : rows * row_stride(whole_panels(inner)); }
  matrix_panels<T> plain(const T* from, isize stride, isize rows, isize inner, T* room) const {
    if (in_place(inner)) return {from, stride, matrix_.columns};
    copy_rows(from, stride, rows, inner, room);
    return {room, row_stride(whole_panels(inner)), matrix_.columns};
  }
  void copy_rows(const T* from, isize stride, isize rows, isize inner, T* to) const {
    const isize to_stride = row_stride(whole_panels(inner));
    for (isize row = 0; row < rows; ++row, to += to_stride, from += stride) {
      std::copy_n(from, inner, to);
      std::fill(to + inner, to + to_stride, T(0));
    }
  }

  attention_block<T> block(isize item, isize head_number, isize query, isize rows, isize key, isize keys, T* scores) const {
    return {rows,
            keys,
            score_stride,
            scores,
            a.bias.first ? a.bias.first + bias_at(item, head_number, query, key) : nullptr,
            a.bias.query,
            a.bias.key,
            a.mask ? a.mask + item * a.keys + key : nullptr};
  }
  isize bias_at(isize item, isize head_number, isize query, isize key) const {
    return a.item_bias[item] + head_number * a.bias.head + query * a.bias.query + key * a.bias.key;
  }

 private:
  static isize parts_of(isize count, isize size) { return (count + size - 1) / size; }
  isize whole_panels(isize columns) const { return parts_of(columns, matrix_.columns) * matrix_.columns; }
  /// So few that laying out keys costs more than it saves.
  bool few() const { return a.queries <= 4 || a.keys <= 8; }

  const matrix_kernels<T>& matrix_ = matrix_kernels_in_use<T>();
  const attention_kernels<T>& rows_ = attention_kernels_in_use<T>();
  isize tiles_;
};

inline constexpr isize attention_enough = 500'000;  // multiplications and additions, to be worth another thread

/// y [items, queries, heads x value_head] and the logarithms of the normalizers [items, heads, queries]. A thread needs
/// memory for the keys and values of one head; heads and blocks of queries are spread over threads.
template <class T> [[gnu::noinline]] void attention_forward(const attention_arguments<T>& a, T* y, T* log_normalizers) {
  const attention_blocks<T> b(a, 28, 256);
  const isize q_stride = b.row_stride(b.head), stride = b.score_stride;
  in_parallel(a.items * a.heads * b.query_blocks, 1, attention_enough * b.query_blocks / b.operations(),
              [&](isize first, isize last) {
                const isize room_k = b.room_for_transposed(a.keys, a.head), room_v = b.room_for_rows(a.keys, a.value_head);
                workspace_parts<T> parts(7, room_k + room_v + b.most_queries * (q_stride + stride + b.value_head + 2));
                T *const k_room = parts.take(room_k), *const v_room = parts.take(room_v);
                T *const q = parts.take(b.most_queries * q_stride), *const scores = parts.take(b.most_queries * stride);
                const attention_running<T> running{parts.take(b.most_queries), parts.take(b.most_queries),
                                                   parts.take(b.most_queries * b.value_head), b.value_head};
                typename attention_blocks<T>::transposed_right k{};
                matrix_panels<T> v{};
                for (isize unit = first; unit < last; ++unit) {
                  const isize pair = unit / b.query_blocks, item = pair / a.heads, head = pair % a.heads;
                  if (unit == first || unit % b.query_blocks == 0) {
                    k = b.transposed(a.k + item * a.keys * b.width() + head * a.head, b.width(), a.keys, a.head, k_room);
                    v = b.plain(a.v + item * a.keys * b.value_width() + head * a.value_head, b.value_width(), a.keys,
                                a.value_head, v_room);
                  }
                  const isize query = b.first_query(unit % b.query_blocks);
                  const isize rows = b.first_query(unit % b.query_blocks + 1) - query, at = item * a.queries + query;
                  b.copy_rows(a.q + at * b.width() + head * a.head, b.width(), rows, a.head, q);
                  std::fill_n(running.most, rows, hidden_score<T>);
                  std::fill_n(running.total, rows, T(0));
                  for (isize key = 0; key < a.keys; key += b.most_keys) {
                    const isize keys = std::min(b.most_keys, a.keys - key);
                    b.multiply_transposed(rows, keys, a.scale, q, q_stride, k, key, scores);
                    b.rows().softmax(b.block(item, head, query, rows, key, keys, scores), running);
                    b.multiply(rows, b.value_head, keys, T(1), {scores, stride, 0},
                               {v.first + key * v.stride, v.stride, v.panel}, T(key > 0), running.result, b.value_head);
                  }
                  b.rows().finish(running, rows, y + at * b.value_width() + head * a.value_head, b.value_width(),
                                  a.value_head, log_normalizers + pair * a.queries + query);
                }
              });
}

/// Adds to the gradients. A thread needs memory for the queries of one head, their gradients and those of the result.
/// Heads are spread over threads; those that add to the same bias stay in one thread.
template <class T>
[[gnu::noinline]] void attention_backward(const attention_arguments<T>& a, const attention_gradients<T>& g) {
  const attention_blocks<T> b(a, 56, 128);
  const isize pairs = a.items * a.heads, apart = !g.dbias ? pairs : a.bias.head ? a.heads : 1;
  in_parallel(apart, 1, attention_enough / (3 * b.operations() * (pairs / apart)), [&](isize first, isize last) {
    const isize q_stride = b.row_stride(b.head), y_stride = b.row_stride(b.value_head), stride = b.score_stride;
    const isize room_k = b.room_for_transposed(b.most_keys, a.head), room_v = b.room_for_transposed(b.most_keys, a.value_head);
    const isize room_rows = b.room_for_rows(b.most_keys, a.head);
    workspace_parts<T> parts(11, a.queries * (2 * q_stride + y_stride + 1) + room_k + room_v + room_rows +
                                     b.most_keys * (q_stride + y_stride) + 2 * b.most_queries * stride);
    T *const q = parts.take(a.queries * q_stride), *const dy = parts.take(a.queries * y_stride);
    T *const dq = parts.take(a.queries * q_stride), *const expected = parts.take(a.queries);
    T *const k_room = parts.take(room_k), *const v_room = parts.take(room_v), *const row_room = parts.take(room_rows);
    T *const dk = parts.take(b.most_keys * q_stride), *const dv = parts.take(b.most_keys * y_stride);
    T *const p = parts.take(b.most_queries * stride), *const ds = parts.take(b.most_queries * stride);
    const bool scores_wanted = g.dq || g.dk || g.dbias;
    const auto one = [&](isize item, isize head) {
      const isize q_at = item * a.queries * b.width() + head * a.head, k_at = item * a.keys * b.width() + head * a.head;
      const isize y_at = item * a.queries * b.value_width() + head * a.value_head;
      const isize v_at = item * a.keys * b.value_width() + head * a.value_head;
      b.copy_rows(a.q + q_at, b.width(), a.queries, a.head, q);
      b.copy_rows(g.dy + y_at, b.value_width(), a.queries, a.value_head, dy);
      b.rows().scalar_products(a.queries, a.value_head, g.y + y_at, g.dy + y_at, b.value_width(), expected);
      for (isize key = 0; key < a.keys; key += b.most_keys) {
        const isize keys = std::min(b.most_keys, a.keys - key);
        const T* const k_from = a.k + k_at + key * b.width();
        const auto k = b.transposed(k_from, b.width(), keys, a.head, k_room);
        const auto v =
            b.transposed(a.v + v_at + key * b.value_width(), b.value_width(), keys, a.value_head, v_room);
        const auto k_rows = g.dq ? b.plain(k_from, b.width(), keys, a.head, row_room) : matrix_panels<T>{};
        for (isize i = 0; i < b.query_blocks; ++i) {
          const isize query = b.first_query(i), rows = b.first_query(i + 1) - query;
          const T *const q_rows = q + query * q_stride, *const dy_rows = dy + query * y_stride;
          const matrix_panels<T> q_panels{q_rows, q_stride, b.panel()}, dy_panels{dy_rows, y_stride, b.panel()};
          b.multiply_transposed(rows, keys, a.scale, q_rows, q_stride, k, 0, p);
          if (scores_wanted) b.multiply_transposed(rows, keys, T(1), dy_rows, y_stride, v, 0, ds);
          b.rows().score_gradients(
              b.block(item, head, query, rows, key, keys, p),
              {g.log_normalizers + (item * a.heads + head) * a.queries + query, expected + query,
               scores_wanted ? ds : nullptr, g.dbias ? g.dbias + b.bias_at(item, head, query, key) : nullptr});
          if (g.dv)
            b.multiply(keys, b.value_head, rows, T(1), {p, stride, 0, layout::transposed}, dy_panels, T(i > 0), dv,
                       y_stride);
          if (g.dk)
            b.multiply(keys, b.head, rows, a.scale, {ds, stride, 0, layout::transposed}, q_panels, T(i > 0), dk, q_stride);
          if (g.dq)
            b.multiply(rows, b.head, keys, a.scale, {ds, stride, 0}, k_rows, T(key > 0), dq + query * q_stride, q_stride);
        }
        if (g.dk) b.rows().add_rows(keys, a.head, dk, q_stride, g.dk + k_at + key * b.width(), b.width());
        if (g.dv)
          b.rows().add_rows(keys, a.value_head, dv, y_stride, g.dv + v_at + key * b.value_width(), b.value_width());
      }
      if (g.dq) b.rows().add_rows(a.queries, a.head, dq, q_stride, g.dq + q_at, b.width());
    };
    for (isize unit = first; unit < last; ++unit)
      for (isize pair = unit; pair < pairs; pair += apart) one(pair / a.heads, pair % a.heads);
  });
}

}  // namespace multifuse::detail
