#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "attention.hpp"
#include "multiply_bf16.hpp"

/// Fused attention of bf16: scores, running sums and gradients are floats, and each result is rounded once.
/// Probabilities and gradients of scores are rounded where they are factors of a product, if the processor has the dot
/// product of pairs.
namespace multifuse::detail {

#if defined(__x86_64__)

/// With dot products of pairs. A unit of work is a block of queries of one head, in the backward pass a head.
template <class T> class pair_attention : attention_cut<T> {
  using cut = attention_cut<T>;
  using cut::a, cut::query_blocks, cut::most_queries, cut::most_keys, cut::score_stride, cut::first_query, cut::width,
      cut::value_width, cut::whole_panels;

 public:
  pair_attention(const attention_arguments<T>& arguments, isize queries_at_once, isize keys_at_once)
      : cut(arguments, avx512_bf16::tile_rows, avx512_bf16::tile_columns, queries_at_once, keys_at_once) {}

  isize units() const { return a.items * a.heads * query_blocks; }
  using cut::operations;
  isize operations_of_unit() const { return operations() / query_blocks; }

  /// Units first ... last - 1.
  void forward(isize first, isize last, T* y, float* log_normalizers) const {
    const isize whole = this->whole_value_head;
    workspace_parts<float> parts(
        7, in_floats(room(a.keys, a.head) + room(whole, a.keys) + most_queries * row_stride(a.head)) +
               most_queries * (score_stride + whole + 2));
    T *const k_room = take(parts, room(a.keys, a.head)), *const v_room = take(parts, room(whole, a.keys));
    T* const q = take(parts, most_queries * row_stride(a.head));
    float *const scores = parts.take(most_queries * score_stride), *const most = parts.take(most_queries);
    const attention_running<float> running{most, parts.take(most_queries), parts.take(most_queries * whole), whole};
    isize laid_out = -1;  // the head whose keys and values are
    for (isize unit = first; unit < last; ++unit) {
      const isize group = unit / query_blocks, item = group / a.heads, head = group % a.heads;
      const isize query = first_query(unit % query_blocks), rows = first_query(unit % query_blocks + 1) - query;
      if (std::exchange(laid_out, group) != group) {
        lay_out_as_columns(a.k + k_at(item, head, 0), width(), a.keys, a.head, k_room);
        lay_out_as_rows(a.v + v_at(item, head, 0), value_width(), a.keys, a.value_head, v_room);
      }
      copy_rows(a.q + q_at(item, head, query), width(), rows, a.head, q);
      std::fill_n(running.most, rows, hidden_score<float>);
      std::fill_n(running.total, rows, 0.0f);
      for (isize key = 0; key < a.keys; key += most_keys) {
        const isize keys = std::min(most_keys, a.keys - key);
        multiply(rows, keys, a.head, a.scale, by_rows(q, row_stride(a.head)), panels(k_room, a.head).from_column(key),
                 0, scores, score_stride);
        kernels().softmax(cut::block(item, head, query, rows, key, keys, scores), running);
        multiply(rows, a.value_head, keys, 1, rounded(scores, rows, keys), panels(v_room, a.keys).from_row(key),
                 float(key > 0), running.result, whole);
      }
      kernels().finish(running, rows, y + y_at(item, head, query), value_width(), a.value_head,
                       log_normalizers + (item * a.heads + head) * a.queries + query);
    }
  }

  /// Adds to the gradients of one head; that of the bias in float.
  void backward(isize item, isize head, const attention_gradients<T>& g, float* dbias) const {
    const isize q_stride = row_stride(a.head), y_stride = row_stride(a.value_head);
    const isize q_width = this->whole_head, y_width = this->whole_value_head, scores = most_queries * score_stride;
    const isize room_q = room(q_width, most_queries), room_y = room(y_width, most_queries);
    workspace_parts<float> parts(
        14, in_floats(a.queries * (q_stride + y_stride) + query_blocks * (room_q + room_y) + room(most_keys, a.head) +
                      room(most_keys, a.value_head) + room(q_width, most_keys) + room(most_keys, most_queries)) +
                a.queries * (q_width + 1) + most_keys * (q_width + y_width) + 2 * scores);
    T *const q = take(parts, a.queries * q_stride), *const dy = take(parts, a.queries * y_stride);
    T *const q_panels = take(parts, query_blocks * room_q), *const dy_panels = take(parts, query_blocks * room_y);
    T* const k_columns = take(parts, room(most_keys, a.head));
    T* const v_columns = take(parts, room(most_keys, a.value_head));
    T *const k_rows = take(parts, room(q_width, most_keys)), *const turned = take(parts, room(most_keys, most_queries));
    float *const dq = parts.take(a.queries * q_width), *const expected = parts.take(a.queries);
    float *const dk = parts.take(most_keys * q_width), *const dv = parts.take(most_keys * y_width);
    float *const p = parts.take(scores), *const ds = parts.take(scores);
    const bool scores_wanted = g.dq || g.dk || dbias;
    copy_rows(a.q + q_at(item, head, 0), width(), a.queries, a.head, q);
    copy_rows(g.dy + y_at(item, head, 0), value_width(), a.queries, a.value_head, dy);
    for (isize i = 0; i < query_blocks; ++i) {
      const isize query = first_query(i), rows = first_query(i + 1) - query;
      lay_out_as_rows(q + query * q_stride, q_stride, rows, a.head, q_panels + i * room_q);
      lay_out_as_rows(dy + query * y_stride, y_stride, rows, a.value_head, dy_panels + i * room_y);
    }
    kernels().scalar_products(a.queries, a.value_head, g.y + y_at(item, head, 0), g.dy + y_at(item, head, 0),
                              value_width(), expected);
    for (isize key = 0; key < a.keys; key += most_keys) {
      const isize keys = std::min(most_keys, a.keys - key);
      lay_out_as_columns(a.k + k_at(item, head, key), width(), keys, a.head, k_columns);
      lay_out_as_columns(a.v + v_at(item, head, key), value_width(), keys, a.value_head, v_columns);
      lay_out_as_rows(a.k + k_at(item, head, key), width(), keys, a.head, k_rows);
      for (isize i = 0; i < query_blocks; ++i) {
        const isize query = first_query(i), rows = first_query(i + 1) - query;
        multiply(rows, keys, a.head, a.scale, by_rows(q + query * q_stride, q_stride), panels(k_columns, a.head), 0, p,
                 score_stride);
        if (scores_wanted)
          multiply(rows, keys, a.value_head, 1, by_rows(dy + query * y_stride, y_stride),
                   panels(v_columns, a.value_head), 0, ds, score_stride);
        kernels().score_gradients(
            cut::block(item, head, query, rows, key, keys, p),
            {g.log_normalizers + (item * a.heads + head) * a.queries + query, expected + query,
             scores_wanted ? ds : nullptr, dbias ? dbias + cut::bias_at(item, head, query, key) : nullptr});
        if (g.dv)
          multiply(keys, a.value_head, rows, 1, by_columns(rounded(p, rows, keys), rows, keys, turned),
                   panels(dy_panels + i * room_y, rows), float(i > 0), dv, y_width);
        if (!g.dq && !g.dk) continue;
        const left_matrix rounded_ds = rounded(ds, rows, keys);
        if (g.dk)
          multiply(keys, a.head, rows, a.scale, by_columns(rounded_ds, rows, keys, turned),
                   panels(q_panels + i * room_q, rows), float(i > 0), dk, q_width);
        if (g.dq)
          multiply(rows, a.head, keys, a.scale, rounded_ds, panels(k_rows, keys), float(key > 0), dq + query * q_width,
                   q_width);
      }
      if (g.dk) kernels().add_rows(keys, a.head, dk, q_width, g.dk + k_at(item, head, key), width());
      if (g.dv) kernels().add_rows(keys, a.value_head, dv, y_width, g.dv + v_at(item, head, key), value_width());
    }
    if (g.dq) kernels().add_rows(a.queries, a.head, dq, q_width, g.dq + q_at(item, head, 0), width());
  }

 private:
  struct left_matrix {
    const T* first;
    isize stride;
    bool by_columns;
  };
  static left_matrix by_rows(const T* first, isize stride) { return {first, stride, false}; }

  /// The right matrix of a product: panels of as many columns as a tile has, pair by pair.
  struct right_panels {
    const T* first;
    isize panel;  ///< elements from one to the next
    right_panels from_column(isize column) const { return {first + column / avx512_bf16::tile_columns * panel, panel}; }
    right_panels from_row(isize row) const { return {first + row * avx512_bf16::tile_columns, panel}; }
  };
  static isize even(isize count) { return (count + 1) / 2 * 2; }
  static right_panels panels(const T* first, isize inner) { return {first, even(inner) * avx512_bf16::tile_columns}; }
  isize room(isize columns, isize inner) const { return whole_panels(columns) * even(inner); }

  static isize in_floats(isize elements) { return (elements + 1) / 2; }
  static T* take(workspace_parts<float>& parts, isize elements) {
    return reinterpret_cast<T*>(parts.take(in_floats(elements)));
  }
  static const attention_kernels<T>& kernels() { return avx512::kernels_of_attention<T>; }

  isize q_at(isize item, isize head, isize query) const { return (item * a.queries + query) * width() + head * a.head; }
  isize k_at(isize item, isize head, isize key) const { return (item * a.keys + key) * width() + head * a.head; }
  isize y_at(isize item, isize head, isize query) const {
    return (item * a.queries + query) * value_width() + head * a.value_head;
  }
  isize v_at(isize item, isize head, isize key) const {
    return (item * a.keys + key) * value_width() + head * a.value_head;
  }

  /// Distance of rows that are copied: an odd number of cache lines, so that they do not compete for places in a cache.
  static isize row_stride(isize inner) { return ((inner + 31) / 32 | 1) * 32; }
  static void copy_rows(const T* from, isize stride, isize rows, isize inner, T* to) {
    for (isize row = 0; row < rows; ++row, to += row_stride(inner), from += stride) {
      std::copy_n(from, inner, to);
      std::fill(to + inner, to + even(inner), T(0.0f));
    }
  }

  /// Rows in memory become columns of a right matrix.
  static void lay_out_as_columns(const T* from, isize stride, isize count, isize inner, T* to) {
    using namespace avx512_bf16;
    for (isize i = 0; i < count; i += tile_columns, to += tile_columns * even(inner))
      lay_out_rows(reinterpret_cast<pair*>(to), tile_columns, from + i * stride, stride,
                   std::min<isize>(tile_columns, count - i), inner);
  }
  /// Rows in memory are rows of a right matrix.
  static void lay_out_as_rows(const T* from, isize stride, isize count, isize columns, T* to) {
    using namespace avx512_bf16;
    for (isize i = 0; i < columns; i += tile_columns, to += tile_columns * even(count))
      lay_out_columns(reinterpret_cast<pair*>(to), tile_columns, from + i, stride,
                      std::min<isize>(tile_columns, columns - i), count);
  }

  /// Scores as factors, in the same memory. What lies behind the last key is the second of a pair whose other matrix
  /// has a zero there.
  left_matrix rounded(float* scores, isize rows, isize keys) const {
    avx512_bf16::round_rows(scores, score_stride, rows, keys);
    return by_rows(reinterpret_cast<const T*>(scores), 2 * score_stride);
  }
  /// The transposed matrix of `rows` rows that have been rounded.
  left_matrix by_columns(const left_matrix& from, isize rows, isize columns, T* to) const {
    avx512_bf16::lay_out_columns(reinterpret_cast<avx512_bf16::pair*>(to), whole_panels(columns), from.first,
                                 from.stride, columns, rows);
    return {to, 2 * whole_panels(columns), true};
  }

  /// result[rows, columns] = alpha left right + beta result, where the result has room for whole panels of columns.
  static void multiply(isize rows, isize columns, isize inner, float alpha, const left_matrix& left, right_panels right,
                       float beta, float* result, isize stride) {
    using namespace avx512_bf16;
    const auto* const of_height = left.by_columns ? tiles<float>::by_columns : tiles<float>::by_rows;
    const isize count = (rows + tile_rows - 1) / tile_rows;
    for (isize column = 0; column < columns; column += tile_columns, right.first += right.panel)
      for (isize tile = 0, row = 0; tile < count; ++tile) {
        const isize next = rows * (tile + 1) / count;
        of_height[next - row - 1]({inner, left.first + row * (left.by_columns ? 2 : left.stride), left.stride,
                                   right.first, 0, result + row * stride + column, stride, tile_columns, alpha, beta,
                                   nullptr, nullptr});
        row = next;
      }
  }
};
#endif

/// Without those instructions: some items at a time become floats.
template <class T> class widened_attention {
 public:
  explicit widened_attention(const attention_arguments<T>& arguments) : a(arguments) {
    items_at_once_ = std::clamp<isize>(elements_at_once / (q_size() + k_size() + v_size() + y_size()), 1, a.items);
  }

  void forward(T* y, float* log_normalizers) const {
    workspace_parts<std::uint32_t> parts(6, room() + items_at_once_ * y_size());
    const operands wide(*this, parts);
    float* const wide_y = take(parts, items_at_once_ * y_size());
    for (isize item = 0; item < a.items; item += items_at_once_) {
      const auto part = widen_items(wide, item);
      attention_forward(part, wide_y, log_normalizers + item * a.heads * a.queries);
      round(wide_y, part.items * y_size(), 0, y + item * y_size());
    }
  }

  void backward(const attention_gradients<T>& g, float* dbias) const {
    workspace_parts<std::uint32_t> parts(
        10, room() + items_at_once_ * (q_size() + k_size() + v_size() + 2 * y_size()));
    const operands wide(*this, parts);
    float *const y = take(parts, items_at_once_ * y_size()), *const dy = take(parts, items_at_once_ * y_size());
    float *const dq = take(parts, items_at_once_ * q_size()), *const dk = take(parts, items_at_once_ * k_size());
    float* const dv = take(parts, items_at_once_ * v_size());
    for (isize item = 0; item < a.items; item += items_at_once_) {
      const auto part = widen_items(wide, item);
      widen(g.y + item * y_size(), part.items * y_size(), y);
      widen(g.dy + item * y_size(), part.items * y_size(), dy);
      const auto zeroed = [&part](const T* wanted, float* to, isize size) {
        if (wanted) std::fill_n(to, part.items * size, 0.0f);
        return wanted ? to : nullptr;
      };
      attention_backward(part, attention_gradients<float>{
                                   y, dy, g.log_normalizers + item * a.heads * a.queries, zeroed(g.dq, dq, q_size()),
                                   zeroed(g.dk, dk, k_size()), zeroed(g.dv, dv, v_size()), dbias});
      if (g.dq) round(dq, part.items * q_size(), 1, g.dq + item * q_size());
      if (g.dk) round(dk, part.items * k_size(), 1, g.dk + item * k_size());
      if (g.dv) round(dv, part.items * v_size(), 1, g.dv + item * v_size());
    }
  }

 private:
  static constexpr isize elements_at_once = 128 * 1024;  // of queries, keys, values and results

  /// What the products of floats read. Their own workspace is in use meanwhile.
  struct operands {
    float *q, *k, *v, *mask, *bias;
    operands(const widened_attention& of, workspace_parts<std::uint32_t>& parts)
        : q(take(parts, of.items_at_once_ * of.q_size())),
          k(take(parts, of.items_at_once_ * of.k_size())),
          v(take(parts, of.items_at_once_ * of.v_size())),
          mask(take(parts, of.items_at_once_ * of.a.keys)),
          bias(take(parts, bias_size(of.a))) {
      if (of.a.bias.first) widen(of.a.bias.first, bias_size(of.a), bias);
    }
  };

  isize q_size() const { return a.queries * a.heads * a.head; }
  isize k_size() const { return a.keys * a.heads * a.head; }
  isize v_size() const { return a.keys * a.heads * a.value_head; }
  isize y_size() const { return a.queries * a.heads * a.value_head; }
  isize room() const { return items_at_once_ * (q_size() + k_size() + v_size() + a.keys) + bias_size(a); }
  static float* take(workspace_parts<std::uint32_t>& parts, isize elements) {
    return reinterpret_cast<float*>(parts.take(elements));
  }

  attention_arguments<float> widen_items(const operands& wide, isize item) const {
    const isize items = std::min(items_at_once_, a.items - item);
    widen(a.q + item * q_size(), items * q_size(), wide.q);
    widen(a.k + item * k_size(), items * k_size(), wide.k);
    widen(a.v + item * v_size(), items * v_size(), wide.v);
    if (a.mask) widen(a.mask + item * a.keys, items * a.keys, wide.mask);
    return {items,
            a.heads,
            a.queries,
            a.keys,
            a.head,
            a.value_head,
            a.scale,
            wide.q,
            wide.k,
            wide.v,
            {a.bias.first ? wide.bias : nullptr, a.bias.head, a.bias.query, a.bias.key},
            a.bias.first ? a.item_bias + item : nullptr,
            a.mask ? wide.mask : nullptr};
  }
  static void widen(const T* from, isize count, float* to) {
    for_each_in_use(0, 1, 0, count, widen_kernel{from, 0, to, 0});
  }
  /// to = from + beta to.
  static void round(const float* from, isize count, float beta, T* to) {
    for_each_in_use(0, 1, 0, count, finish_sums_kernel<T, T>{from, 0, to, 0, 1, beta, nullptr, to, 0});
  }

  const attention_arguments<T>& a;
  isize items_at_once_;
};

/// y [items, queries, heads x value_head] and the logarithms of the normalizers [items, heads, queries].
template <class T>
[[gnu::noinline]] void bf16_attention_forward(const attention_arguments<T>& a, T* y, float* log_normalizers) {
#if defined(__x86_64__)
  if (instructions_in_use() == instruction_set::avx512_bf16) {
    const pair_attention<T> pass(a, 28, 256 * std::max<isize>(1, 28 / a.queries));
    return in_parallel(pass.units(), 1, attention_enough / pass.operations_of_unit(),
                       [&](isize first, isize last) { pass.forward(first, last, y, log_normalizers); });
  }
#endif
  widened_attention<T>(a).forward(y, log_normalizers);
}

/// Adds to the gradients. The bias's is summed in float over all items that share it.
template <class T>
[[gnu::noinline]] void bf16_attention_backward(const attention_arguments<T>& a, const attention_gradients<T>& g) {
  std::vector<float> sums(std::size_t(g.dbias ? bias_size(a) : 0));
  float* const dbias = g.dbias ? sums.data() : nullptr;
#if defined(__x86_64__)
  if (instructions_in_use() == instruction_set::avx512_bf16) {
    const pair_attention<T> pass(a, 56, 128);
    in_parallel_heads(a, g.dbias, pass.operations(),
                      [&](isize item, isize head) { pass.backward(item, head, g, dbias); });
  } else
#endif
    widened_attention<T>(a).backward(g, dbias);
  for (std::size_t i = 0; i < sums.size(); ++i) g.dbias[i] = g.dbias[i] + sums[i];
}

#if defined(MULTIFUSE_COMPILED_KERNELS)  // elsewhere: see compiled_kernels.hpp
extern template void bf16_attention_forward(const attention_arguments<bf16>&, bf16*, float*);
extern template void bf16_attention_backward(const attention_arguments<bf16>&, const attention_gradients<bf16>&);
#endif

}  // namespace multifuse::detail
