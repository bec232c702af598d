#pragma once
#include "attention_blocks.hpp"

namespace multifuse::detail {

/// The forward pass. A unit of work is a head of some queries.
template <class T> class attention_forward_pass {
 public:
  attention_forward_pass(const attention_arguments<T>& arguments, T* y, T* log_normalizers)
      : few_keys_(2 * arguments.keys <= matrix_kernels_in_use<T>().columns && arguments.queries > arguments.keys),
        b_(arguments, few_keys_ ? 56 : 28, 256 * std::max<isize>(1, 28 / arguments.queries)),
        y_(y),
        log_normalizers_(log_normalizers) {
    const isize elements = a_.keys * (b_.whole_head + b_.whole_value_head) * a_.heads;
    together_ = elements * isize(sizeof(T)) <= bytes_together;
    slots_ = together_ && b_.query_blocks > 1 ? a_.heads : 1;
    const isize kept_keys = b_.query_blocks > 1 ? a_.keys : b_.most_keys;
    room_k_ = few_keys_ ? kept_keys * b_.row_stride(a_.head)
                        : b_.room_for_columns(b_.query_blocks > 1 ? a_.keys : 1, a_.head);
    room_v_ = b_.room_for_rows(kept_keys, a_.value_head, b_.value_width());
  }
  isize units() const { return a_.items * a_.heads * b_.query_blocks; }
  isize operations_of_unit() const { return b_.operations() / b_.query_blocks; }

  /// Units first ... last - 1. Those that follow one another share queries, which are read once for all heads, or keys.
  void compute(isize first, isize last) const {
    const isize rows_q = b_.whole_panels(b_.most_queries) * b_.row_stride(a_.head), heads = together_ ? a_.heads : 1;
    const isize scores = few_keys_ ? a_.keys * b_.whole_panels(b_.most_queries) : b_.most_queries * b_.score_stride;
    const isize running_of_head = b_.whole_panels(b_.most_queries) * (b_.whole_value_head + 2);
    workspace_parts<T> parts(5, slots_ * (room_k_ + room_v_) + rows_q + heads * running_of_head + scores);
    work w{parts.take(slots_ * room_k_), parts.take(slots_ * room_v_), parts.take(rows_q), parts.take(scores),
           parts.take(heads * running_of_head)};
    for (isize unit = first, next; unit < last; unit = next) {
      next = together_ ? std::min(last, (unit / a_.heads + 1) * a_.heads) : unit + 1;
      const isize pair = unit / (together_ ? a_.heads : b_.query_blocks);
      if (together_)
        compute_heads(w, pair / b_.query_blocks, pair % b_.query_blocks, unit % a_.heads, next - unit);
      else
        compute_heads(w, pair / a_.heads, unit % b_.query_blocks, pair % a_.heads, 1);
    }
  }

 private:
  static constexpr isize bytes_together = 128 * 1024;  // of keys and values of all heads, which stay in a cache

  struct work {
    T *k, *v, *q, *scores, *running;
    isize laid_out = -1;  // which keys and values lie there
  };
  attention_running<T> running(const work& w, isize head) const {
    const isize n = b_.whole_panels(b_.most_queries);
    T* const first = w.running + head * n * (b_.whole_value_head + 2);
    return {first, first + n, first + 2 * n, b_.whole_value_head};
  }

  void compute_heads(work& w, isize item, isize block, isize first_head, isize heads) const {
    const isize query = b_.first_query(block), rows = b_.first_query(block + 1) - query;
    const isize group = together_ ? item : item * a_.heads + first_head;
    if (b_.query_blocks > 1 && std::exchange(w.laid_out, group) != group)
      for (isize slot = 0; slot < slots_; ++slot) lay_out(w, slot, item, together_ ? slot : first_head, 0, a_.keys);
    for (isize h = 0; h < heads; ++h) {
      std::fill_n(running(w, h).most, rows, hidden_score<T>);
      std::fill_n(running(w, h).total, rows, T(0));
    }
    for (isize key = 0; key < a_.keys; key += b_.most_keys)
      for (isize h = 0; h < heads; ++h) compute_block(w, item, query, rows, key, first_head + h, running(w, h));
    for (isize h = 0; h < heads; ++h) {
      const isize head = first_head + h;
      b_.rows().finish(running(w, h), rows, y_ + (item * a_.queries + query) * b_.value_width() + head * a_.value_head,
                       b_.value_width(), a_.value_head,
                       log_normalizers_ + (item * a_.heads + head) * a_.queries + query);
    }
  }

  void compute_block(work& w, isize item, isize query, isize rows, isize key, isize head,
                     const attention_running<T>& running) const {
    const isize keys = std::min(b_.most_keys, a_.keys - key);
    const bool laid_out = b_.query_blocks > 1;
    if (!laid_out) lay_out(w, 0, item, head, key, keys);
    const isize slot = laid_out && together_ ? head : 0, from = laid_out ? key : 0;
    const T* const q = a_.q + (item * a_.queries + query) * b_.width() + head * a_.head;
    auto block = b_.block(item, head, query, rows, key, keys, w.scores);
    if (few_keys_) {
      block.stride = b_.whole_panels(b_.most_queries);
      const auto columns = b_.lay_out_columns(q, b_.width(), rows, a_.head, w.q);
      b_.multiply_columns(keys, rows, a_.scale, w.k + slot * room_k_, b_.row_stride(a_.head), columns, 0, w.scores,
                          block.stride);
      b_.rows().softmax_of_columns(block, running);
    } else {
      const bool copied = b_.aliases(b_.width());
      if (copied) b_.copy_rows(q, b_.width(), rows, a_.head, w.q);
      const T* const left = copied ? w.q : q;
      const isize left_stride = copied ? b_.row_stride(a_.head) : b_.width();
      if (laid_out) {
        b_.multiply_columns(rows, keys, a_.scale, left, left_stride, {w.k + slot * room_k_, a_.keys, a_.head}, key,
                            w.scores, block.stride);
      } else {  // used once: a panel at a time
        const T* const k = a_.k + (item * a_.keys + key) * b_.width() + head * a_.head;
        for (isize first = 0, count; first < keys; first += count) {
          count = std::min(b_.whole_panels(1), keys - first);
          const auto columns = b_.lay_out_columns(k + first * b_.width(), b_.width(), count, a_.head, w.k);
          b_.multiply_columns(rows, count, a_.scale, left, left_stride, columns, 0, w.scores + first, block.stride);
        }
      }
      b_.rows().softmax(block, running);
    }
    b_.multiply(rows, b_.whole_value_head, keys, T(1),
                {w.scores, block.stride, 0, few_keys_ ? layout::transposed : layout::plain},
                b_.in_place(a_.value_head, b_.value_width())
                    ? b_.rows_in_place(a_.v + (item * a_.keys + key) * b_.value_width() + head * a_.value_head,
                                       b_.value_width())
                    : b_.rows_from(w.v + slot * room_v_, from, a_.value_head),
                T(key > 0), running.result, running.width);
  }
  void lay_out(work& w, isize slot, isize item, isize head, isize key, isize keys) const {
    const isize row = item * a_.keys + key;
    const T* const k = a_.k + row * b_.width() + head * a_.head;
    if (few_keys_)
      b_.copy_rows(k, b_.width(), keys, a_.head, w.k + slot * room_k_);
    else if (b_.query_blocks > 1)
      b_.lay_out_columns(k, b_.width(), keys, a_.head, w.k + slot * room_k_);
    if (!b_.in_place(a_.value_head, b_.value_width()))
      b_.copy_rows(a_.v + row * b_.value_width() + head * a_.value_head, b_.value_width(), keys, a_.value_head,
                   w.v + slot * room_v_);
  }

  const bool few_keys_;  // fewer than half a vector pair: vectors hold queries, not keys
  const attention_blocks<T> b_;
  const attention_arguments<T>& a_ = b_.a;
  T *y_, *log_normalizers_;
  bool together_;
  isize slots_, room_k_, room_v_;
};

/// y [items, queries, heads x value_head] and the logarithms of the normalizers [items, heads, queries]. Heads and
/// blocks of queries are spread over threads. Beside a block of scores, a thread needs memory for the keys of one head,
/// and for its values where they cannot be read in place; no more than 128 KiB if it is for those of all heads.
template <class T> [[gnu::noinline]] void attention_forward(const attention_arguments<T>& a, T* y, T* log_normalizers) {
  const attention_forward_pass<T> pass(a, y, log_normalizers);
  in_parallel(pass.units(), 1, attention_enough / pass.operations_of_unit(),
              [&pass](isize first, isize last) { pass.compute(first, last); });
}

/// Adds to the gradients. Heads are spread over threads; those that add to the same bias stay in one thread. Beside
/// blocks of keys and scores, a thread needs memory for the queries of one head, their gradients and those of its
/// result.
template <class T>
[[gnu::noinline]] void attention_backward(const attention_arguments<T>& a, const attention_gradients<T>& g) {
  const attention_blocks<T> b(a, 56, 128);
  in_parallel_heads(a, g.dbias, b.operations(), [&](isize item, isize head) {
    const isize q_stride = b.row_stride(a.head), y_stride = b.row_stride(a.value_head), stride = b.score_stride;
    const isize room_k = b.room_for_columns(b.most_keys, a.head),
                room_v = b.room_for_columns(b.most_keys, a.value_head);
    const isize room_rows = b.room_for_rows(b.most_keys, a.head, b.width());
    workspace_parts<T> parts(11, a.queries * (2 * q_stride + y_stride + 1) + room_k + room_v + room_rows +
                                     b.most_keys * (q_stride + y_stride) + 2 * b.most_queries * stride);
    T *const q = parts.take(a.queries * q_stride), *const dy = parts.take(a.queries * y_stride);
    T *const dq = parts.take(a.queries * q_stride), *const expected = parts.take(a.queries);
    T *const k_room = parts.take(room_k), *const v_room = parts.take(room_v), *const row_room = parts.take(room_rows);
    T *const dk = parts.take(b.most_keys * q_stride), *const dv = parts.take(b.most_keys * y_stride);
    T *const p = parts.take(b.most_queries * stride), *const ds = parts.take(b.most_queries * stride);
    const bool scores_wanted = g.dq || g.dk || g.dbias;
    const isize q_at = item * a.queries * b.width() + head * a.head, k_at = item * a.keys * b.width() + head * a.head;
    const isize y_at = item * a.queries * b.value_width() + head * a.value_head;
    const isize v_at = item * a.keys * b.value_width() + head * a.value_head;
    b.copy_rows(a.q + q_at, b.width(), a.queries, a.head, q);
    b.copy_rows(g.dy + y_at, b.value_width(), a.queries, a.value_head, dy);
    b.rows().scalar_products(a.queries, a.value_head, g.y + y_at, g.dy + y_at, b.value_width(), expected);
    for (isize key = 0; key < a.keys; key += b.most_keys) {
      const isize keys = std::min(b.most_keys, a.keys - key);
      const T* const k_from = a.k + k_at + key * b.width();
      const auto k = b.lay_out_columns(k_from, b.width(), keys, a.head, k_room);
      const auto v =
          b.lay_out_columns(a.v + v_at + key * b.value_width(), b.value_width(), keys, a.value_head, v_room);
      const bool in_place = b.in_place(a.head, b.width());
      if (!in_place) b.copy_rows(k_from, b.width(), keys, a.head, row_room);
      const auto k_rows = in_place ? b.rows_in_place(k_from, b.width()) : b.rows_from(row_room, 0, a.head);
      for (isize i = 0; i < b.query_blocks; ++i) {
        const isize query = b.first_query(i), rows = b.first_query(i + 1) - query;
        const T *const q_rows = q + query * q_stride, *const dy_rows = dy + query * y_stride;
        const auto q_panels = b.rows_in_place(q_rows, q_stride), dy_panels = b.rows_in_place(dy_rows, y_stride);
        b.multiply_columns(rows, keys, a.scale, q_rows, q_stride, k, 0, p, stride);
        if (scores_wanted) b.multiply_columns(rows, keys, T(1), dy_rows, y_stride, v, 0, ds, stride);
        b.rows().score_gradients(
            b.block(item, head, query, rows, key, keys, p),
            {g.log_normalizers + (item * a.heads + head) * a.queries + query, expected + query,
             scores_wanted ? ds : nullptr, g.dbias ? g.dbias + b.bias_at(item, head, query, key) : nullptr});
        if (g.dv)
          b.multiply(keys, b.whole_value_head, rows, T(1), {p, stride, 0, layout::transposed}, dy_panels, T(i > 0), dv,
                     y_stride);
        if (g.dk)
          b.multiply(keys, b.whole_head, rows, a.scale, {ds, stride, 0, layout::transposed}, q_panels, T(i > 0), dk,
                     q_stride);
        if (g.dq)
          b.multiply(rows, b.whole_head, keys, a.scale, {ds, stride, 0}, k_rows, T(key > 0), dq + query * q_stride,
                     q_stride);
      }
      if (g.dk) b.rows().add_rows(keys, a.head, dk, q_stride, g.dk + k_at + key * b.width(), b.width());
      if (g.dv)
        b.rows().add_rows(keys, a.value_head, dv, y_stride, g.dv + v_at + key * b.value_width(), b.value_width());
    }
    if (g.dq) b.rows().add_rows(a.queries, a.head, dq, q_stride, g.dq + q_at, b.width());
  });
}

#if defined(MULTIFUSE_COMPILED_KERNELS)  // elsewhere: see compiled_kernels.hpp
extern template void attention_forward(const attention_arguments<float>&, float*, float*);
extern template void attention_forward(const attention_arguments<double>&, double*, double*);
extern template void attention_backward(const attention_arguments<float>&, const attention_gradients<float>&);
extern template void attention_backward(const attention_arguments<double>&, const attention_gradients<double>&);
#endif

}  // namespace multifuse::detail
