// The row kernels of fused attention, compiled once for each set of vector instructions: MULTIFUSE_SET names the
// namespace.

namespace multifuse::detail::MULTIFUSE_SET {

/// Adds bias and mask to one row of a block.
template <class T>
[[gnu::always_inline]] inline void bias_and_mask_row(const attention_block<T>& b, isize row, compute_type<T>* scores) {
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
    for (isize j = 0; j < b.keys; ++j) scores[j] = b.mask[j] != T(0) ? scores[j] : hidden_score<compute_type<T>>;
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
[[gnu::noinline]] void attention_softmax(const attention_block<T>& b, const attention_running<compute_type<T>>& r) {
  using N = compute_type<T>;
  constexpr int lanes = vector_of<N>::lanes;
  const isize vectors = (b.keys + lanes - 1) / lanes, rest = b.keys % lanes;
  for (isize row = 0; row < b.rows; ++row) {
    N* const s = b.scores + row * b.stride;
    bias_and_mask_row(b, row, s);
    if (rest > 0) hide_rest(s + b.keys - rest, rest, typename square_block<N>::all{});
    const N before = r.most[row], found = reduce_row(s, vectors * lanes, hidden_score<N>, larger{});
    if (!(found > before)) continue;
    r.most[row] = found;
    if (before == hidden_score<N>) continue;
    const N factor = math::exp(before - found);  // what was summed so far was relative to a smaller one
    r.total[row] *= factor;
    N* const to = r.result + row * r.width;
    MULTIFUSE_INDEPENDENT
    for (isize j = 0; j < r.width; ++j) to[j] *= factor;
  }
  exponentials(b.scores, b.stride, b.rows, vectors, r.most);
  for (isize row = 0; row < b.rows; ++row)
    r.total[row] += reduce_row(b.scores + row * b.stride, vectors * lanes, N(0), plus{});
}

template <class T>
[[gnu::noinline]] void attention_softmax_of_columns(const attention_block<T>& b,
                                                    const attention_running<compute_type<T>>& r) {
  using N = compute_type<T>;
  constexpr int lanes = vector_of<N>::lanes;
  const isize whole = (b.rows + lanes - 1) / lanes * lanes;
  for (isize key = 0; key < b.keys; ++key) {
    N* const s = b.scores + key * b.stride;
    if (b.bias)
      for (isize i = 0; i < b.rows; ++i) s[i] += b.bias[i * b.bias_query + key * b.bias_key];
    if (b.mask && b.mask[key] == T(0)) std::fill_n(s, whole, hidden_score<N>);
    for (isize i = 0; i < whole; i += lanes) {
      const vector<N> x = load(s + i), before = key > 0 ? load(r.most + i) : vector<N>{} + hidden_score<N>;
      store(r.most + i, larger{}(x, before));
    }
  }
  for (isize key = 0; key < b.keys; ++key) {
    N* const s = b.scores + key * b.stride;
    MULTIFUSE_INDEPENDENT
    for (isize i = 0; i < whole; ++i) s[i] = math::exp(s[i] - (r.most[i] == hidden_score<N> ? N(0) : r.most[i]));
    for (isize i = 0; i < whole; i += lanes)
      store(r.total + i, key > 0 ? load(r.total + i) + load(s + i) : load(s + i));
  }
}

template <class T>
[[gnu::noinline]] void attention_finish(const attention_running<compute_type<T>>& r, isize rows, T* y, isize stride,
                                        isize width, compute_type<T>* log_normalizers) {
  using N = compute_type<T>;
  for (isize row = 0; row < rows; ++row) {
    const N inverse = N(1) / r.total[row];
    const N* const from = r.result + row * r.width;
    T* const to = y + row * stride;
    MULTIFUSE_INDEPENDENT
    for (isize j = 0; j < width; ++j) to[j] = from[j] * inverse;
    log_normalizers[row] = r.most[row] + std::log(r.total[row]);
  }
}

template <class T>
[[gnu::noinline]] void attention_score_gradients(const attention_block<T>& b,
                                                 const attention_score_gradient<compute_type<T>>& g) {
  using N = compute_type<T>;
  constexpr int lanes = vector_of<N>::lanes;
  for (isize row = 0; row < b.rows; ++row) bias_and_mask_row(b, row, b.scores + row * b.stride);
  exponentials(b.scores, b.stride, b.rows, (b.keys + lanes - 1) / lanes, g.log_normalizers);
  if (!g.gradients) return;
  for (isize row = 0; row < b.rows; ++row) {
    const N* const s = b.scores + row * b.stride;
    N* const ds = g.gradients + row * b.stride;
    const N expected = g.expected[row];
    MULTIFUSE_INDEPENDENT
    for (isize j = 0; j < b.keys; ++j) ds[j] = s[j] * (ds[j] - expected);
    if (!g.bias) continue;
    N* const bias = g.bias + row * b.bias_query;
    if (b.bias_key == 1) {
      MULTIFUSE_INDEPENDENT
      for (isize j = 0; j < b.keys; ++j) bias[j] += ds[j];
    } else {
      for (isize j = 0; j < b.keys; ++j) bias[j * b.bias_key] += ds[j];
    }
  }
}

/// Elements as numbers.
[[gnu::always_inline]] inline vector<float> load_numbers(const float* from) { return load(from); }
[[gnu::always_inline]] inline vector<double> load_numbers(const double* from) { return load(from); }
[[gnu::always_inline]] inline vector<float> load_numbers(const bf16* from) {
  typedef std::uint16_t halves __attribute__((vector_size(MULTIFUSE_VECTOR_BYTES / 2)));
  typedef std::uint32_t words __attribute__((vector_size(MULTIFUSE_VECTOR_BYTES)));
  halves upper;
  __builtin_memcpy(&upper, from, sizeof upper);
  const words all = __builtin_convertvector(upper, words) << 16;
  vector<float> numbers;
  __builtin_memcpy(&numbers, &all, sizeof numbers);
  return numbers;
}

/// y[row] = the scalar product of two rows.
template <class T>
[[gnu::noinline]] void scalar_products(isize rows, isize width, const T* a, const T* b, isize stride,
                                       compute_type<T>* y) {
  using N = compute_type<T>;
  constexpr int lanes = vector_of<N>::lanes;
  for (isize row = 0; row < rows; ++row, a += stride, b += stride) {
    vector<N> products{};
    isize j = 0;
    for (; j + lanes <= width; j += lanes) products += load_numbers(a + j) * load_numbers(b + j);
    N total = reduce<N>(products, plus{});
    for (; j < width; ++j) total += a[j] * b[j];
    y[row] = total;
  }
}

template <class T>
[[gnu::noinline]] void add_rows(isize rows, isize width, const compute_type<T>* from, isize from_stride, T* to,
                                isize stride) {
  for (isize row = 0; row < rows; ++row, from += from_stride, to += stride) {
    MULTIFUSE_INDEPENDENT
    for (isize j = 0; j < width; ++j) to[j] = to[j] + from[j];
  }
}

template <class T>
inline constexpr attention_kernels<T> kernels_of_attention{attention_softmax<T>, attention_softmax_of_columns<T>,
                                                           attention_finish<T>,  attention_score_gradients<T>,
                                                           scalar_products<T>,   add_rows<T>};

}  // namespace multifuse::detail::MULTIFUSE_SET
