// The row kernels of fused attention, compiled once for each set of vector instructions: MULTIFUSE_SET names the
// namespace.

namespace multifuse::detail::MULTIFUSE_SET {

/// Adds bias and mask to one row of a block.
template <class T>
[[gnu::always_inline]] inline void bias_and_mask_row(const attention_block<T>& b, isize row, T* scores) {
  if (b.bias) {
    const T* const bias = b.bias + row * b.bias_query;
    if (b.bias_key == 1) {
      MULTIFUSE_INDEPENDENT
      for (isize j = 0; j < b.keys; ++j) scores[j] += bias[j];
    } else {
      MULTIFUSE_INDEPENDENT
      for (isize j = 0; j < b.keys; ++j) scores[j] += bias[j * b.bias_key];
    }
  }
  if (b.mask) {
    MULTIFUSE_INDEPENDENT
    for (isize j = 0; j < b.keys; ++j) scores[j] = b.mask[j] != T(0) ? scores[j] : hidden_score<T>;
  }
}

/// What an operation makes of all lanes: halves, then halves of a half ...
template <class T, int Bit = vector_of<T>::lanes / 2, class Operation>
[[gnu::always_inline]] inline T reduce(vector<T> x, const Operation& operation) {
  if constexpr (Bit == 0) {
    return x[0];
  } else {
    using all = typename square_block<T>::all;
    return reduce<T, Bit / 2>(operation(exchanged<T, Bit, false>(x, x, all{}), exchanged<T, Bit, true>(x, x, all{})),
                              operation);
  }
}

struct larger {
  template <class V> [[gnu::always_inline]] V operator()(V a, V b) const { return a > b ? a : b; }
};
struct plus {
  template <class V> [[gnu::always_inline]] V operator()(V a, V b) const { return a + b; }
};

/// A row of whole vectors added up, or its largest element; the latter passes over NaN.
template <class T, class Operation>
[[gnu::always_inline]] inline T reduce_row(const T* row, isize n, T first, const Operation& operation) {
  constexpr int lanes = vector_of<T>::lanes;
  vector<T> even = vector<T>{} + first, odd = even;
  isize j = 0;
  for (; j + 2 * lanes <= n; j += 2 * lanes) {
    even = operation(load(row + j), even);
    odd = operation(load(row + j + lanes), odd);
  }
  if (j < n) even = operation(load(row + j), even);
  return reduce<T>(operation(even, odd), operation);
}

/// Hides what lies behind the last key in its vector. Element by element, it would not have arrived in the cache when
/// the vector is read.
template <class T, int... Lane>
[[gnu::always_inline]] inline void hide_rest(T* last, isize there, std::integer_sequence<int, Lane...>) {
  store(last, vector<T>{T(Lane)...} < T(there) ? load(last) : vector<T>{} + hidden_score<T>);
}

/// Rows of whole vectors become exp(x - shift), where a shift by minus infinity is none: all elements are that small.
template <class T>
[[gnu::always_inline]] inline void exponentials(T* x, isize stride, isize rows, isize vectors, const T* shifts) {
  constexpr int lanes = vector_of<T>::lanes;
  for (isize row = 0; row < rows; ++row) {
    const T shift = shifts[row] == hidden_score<T> ? T(0) : shifts[row];
    for (isize j = 0; j < vectors; ++j) {
      MULTIFUSE_INDEPENDENT
      for (int lane = 0; lane < lanes; ++lane)
        x[row * stride + j * lanes + lane] = math::exp(x[row * stride + j * lanes + lane] - shift);
    }
  }
}

template <class T>
[[gnu::noinline]] void attention_softmax(const attention_block<T>& b, const attention_running<T>& r) {
  constexpr int lanes = vector_of<T>::lanes;
  const isize vectors = (b.keys + lanes - 1) / lanes, rest = b.keys % lanes;
  for (isize row = 0; row < b.rows; ++row) {
    T* const s = b.scores + row * b.stride;
    bias_and_mask_row(b, row, s);
    if (rest > 0) hide_rest(s + b.keys - rest, rest, typename square_block<T>::all{});
    const T before = r.most[row], found = reduce_row(s, vectors * lanes, hidden_score<T>, larger{});
    if (!(found > before)) continue;
    r.most[row] = found;
    if (before == hidden_score<T>) continue;
    const T factor = math::exp(before - found);  // what was summed so far was relative to a smaller one
    r.total[row] *= factor;
    T* const to = r.result + row * r.width;
    MULTIFUSE_INDEPENDENT
    for (isize j = 0; j < r.width; ++j) to[j] *= factor;
  }
  exponentials(b.scores, b.stride, b.rows, vectors, r.most);
  for (isize row = 0; row < b.rows; ++row)
    r.total[row] += reduce_row(b.scores + row * b.stride, vectors * lanes, T(0), plus{});
}

template <class T>
[[gnu::noinline]] void attention_softmax_of_columns(const attention_block<T>& b, const attention_running<T>& r) {
  constexpr int lanes = vector_of<T>::lanes;
  const isize whole = (b.rows + lanes - 1) / lanes * lanes;
  for (isize key = 0; key < b.keys; ++key) {
    T* const s = b.scores + key * b.stride;
    if (b.bias)
      for (isize i = 0; i < b.rows; ++i) s[i] += b.bias[i * b.bias_query + key * b.bias_key];
    if (b.mask && b.mask[key] == T(0)) std::fill_n(s, whole, hidden_score<T>);
    for (isize i = 0; i < whole; i += lanes) {
      const vector<T> x = load(s + i), before = key > 0 ? load(r.most + i) : vector<T>{} + hidden_score<T>;
      store(r.most + i, larger{}(x, before));
    }
  }
  for (isize key = 0; key < b.keys; ++key) {
    T* const s = b.scores + key * b.stride;
    MULTIFUSE_INDEPENDENT
    for (isize i = 0; i < whole; ++i) s[i] = math::exp(s[i] - (r.most[i] == hidden_score<T> ? T(0) : r.most[i]));
    for (isize i = 0; i < whole; i += lanes)
      store(r.total + i, key > 0 ? load(r.total + i) + load(s + i) : load(s + i));
  }
}

template <class T>
[[gnu::noinline]] void attention_finish(const attention_running<T>& r, isize rows, T* y, isize stride, isize width,
                                        T* log_normalizers) {
  for (isize row = 0; row < rows; ++row) {
    const T inverse = T(1) / r.total[row];
    const T* const from = r.result + row * r.width;
    T* const to = y + row * stride;
    MULTIFUSE_INDEPENDENT
    for (isize j = 0; j < width; ++j) to[j] = from[j] * inverse;
    log_normalizers[row] = r.most[row] + std::log(r.total[row]);
  }
}

template <class T>
[[gnu::noinline]] void attention_score_gradients(const attention_block<T>& b, const attention_score_gradient<T>& g) {
  constexpr int lanes = vector_of<T>::lanes;
  for (isize row = 0; row < b.rows; ++row) bias_and_mask_row(b, row, b.scores + row * b.stride);
  exponentials(b.scores, b.stride, b.rows, (b.keys + lanes - 1) / lanes, g.log_normalizers);
  if (!g.gradients) return;
  for (isize row = 0; row < b.rows; ++row) {
    const T* const s = b.scores + row * b.stride;
    T* const ds = g.gradients + row * b.stride;
    const T expected = g.expected[row];
    MULTIFUSE_INDEPENDENT
    for (isize j = 0; j < b.keys; ++j) ds[j] = s[j] * (ds[j] - expected);
    if (!g.bias) continue;
    T* const bias = g.bias + row * b.bias_query;
    if (b.bias_key == 1) {
      MULTIFUSE_INDEPENDENT
      for (isize j = 0; j < b.keys; ++j) bias[j] += ds[j];
    } else {
      for (isize j = 0; j < b.keys; ++j) bias[j * b.bias_key] += ds[j];
    }
  }
}

/// y[row] = the scalar product of two rows.
template <class T>
[[gnu::noinline]] void scalar_products(isize rows, isize width, const T* a, const T* b, isize stride, T* y) {
  constexpr int lanes = vector_of<T>::lanes;
  for (isize row = 0; row < rows; ++row, a += stride, b += stride) {
    vector<T> products{};
    isize j = 0;
    for (; j + lanes <= width; j += lanes) products += load(a + j) * load(b + j);
    T total = reduce<T>(products, plus{});
    for (; j < width; ++j) total += a[j] * b[j];
    y[row] = total;
  }
}

template <class T>
[[gnu::noinline]] void add_rows(isize rows, isize width, const T* from, isize from_stride, T* to, isize stride) {
  for (isize row = 0; row < rows; ++row, from += from_stride, to += stride) {
    MULTIFUSE_INDEPENDENT
    for (isize j = 0; j < width; ++j) to[j] += from[j];
  }
}

template <class T>
inline constexpr attention_kernels<T> kernels_of_attention{attention_softmax<T>, attention_softmax_of_columns<T>,
                                                           attention_finish<T>,  attention_score_gradients<T>,
                                                           scalar_products<T>,   add_rows<T>};

}  // namespace multifuse::detail::MULTIFUSE_SET
