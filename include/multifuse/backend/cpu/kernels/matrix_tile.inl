// Matrix kernels, compiled once for each set of vector instructions: MULTIFUSE_SET names the namespace,
// MULTIFUSE_VECTOR_BYTES says how long a vector is and MULTIFUSE_TILE_ROWS how many rows of two vectors the registers
// hold.

namespace multifuse::detail::MULTIFUSE_SET {

template <class T> struct vector_of {
  static constexpr int lanes = MULTIFUSE_VECTOR_BYTES / int(sizeof(T));
  typedef T type __attribute__((vector_size(MULTIFUSE_VECTOR_BYTES), aligned(alignof(T)), may_alias));
};
template <class T> using vector = typename vector_of<T>::type;

template <class T> [[gnu::always_inline]] inline vector<T> load(const T* from) {
  return *reinterpret_cast<const vector<T>*>(from);
}
template <class T> [[gnu::always_inline]] inline void store(T* to, vector<T> x) {
  *reinterpret_cast<vector<T>*>(to) = x;
}

template <class T> [[gnu::always_inline]] inline void finish(T* to, vector<T> sum, vector<T> bias, T alpha, T beta) {
  sum = alpha * sum + bias;
  if (beta != T(0)) sum += beta * load(to);
  store(to, sum);
}

template <class T> [[gnu::always_inline]] inline void finish(T& to, T sum, T bias, T alpha, T beta) {
  sum = alpha * sum + bias;
  to = beta != T(0) ? sum + beta * to : sum;
}

/// Finishes sums [rows, two vectors] of a tile with fewer columns; out of line, because it would be compiled for each height.
template <class T> [[gnu::noinline]] void finish_part(const T* sums, int rows, const matrix_tile<T>& t) {
  for (int row = 0; row < rows; ++row)
    for (isize i = 0; i < t.columns; ++i)
      finish(t.result[row * t.result_stride + i], sums[row * 2 * vector_of<T>::lanes + i], t.bias ? t.bias[i] : T(0),
             t.alpha, t.beta);
}

/// Adds one row of the right matrix times one element of each row of the left one. Elements of rows 0 ... 4, 5 ... 9
/// and 10 ... 14 are addressed from three pointers, which is what the processor's addressing modes can do.
template <class T, int Rows, bool ByColumns> struct tile_step {
  vector<T> sum[Rows][2];

  template <int Row>
  [[gnu::always_inline]] void row(const T* top, const T* middle, const T* bottom, isize stride, isize three,
                                  vector<T> first, vector<T> second) {
    constexpr int part = Row % 5;
    const T* const from = Row < 5 ? top : Row < 10 ? middle : bottom;
    const T factor = ByColumns ? top[Row] : from[part == 3 ? three : part * stride];
    sum[Row][0] += factor * first;
    sum[Row][1] += factor * second;
  }
  template <int... Row>
  [[gnu::always_inline]] void all(std::integer_sequence<int, Row...>, const T* top, const T* middle, const T* bottom,
                                  isize stride, isize three, vector<T> first, vector<T> second) {
    (row<Row>(top, middle, bottom, stride, three, first, second), ...);
  }
  template <int... Row>
  [[gnu::always_inline]] void finish_all(std::integer_sequence<int, Row...>, const matrix_tile<T>& t) {
    constexpr int lanes = vector_of<T>::lanes;
    if (t.columns == 2 * lanes) {
      const vector<T> first = t.bias ? load(t.bias) : vector<T>{};
      const vector<T> second = t.bias ? load(t.bias + lanes) : vector<T>{};
      ((finish(t.result + Row * t.result_stride, sum[Row][0], first, t.alpha, t.beta),
        finish(t.result + Row * t.result_stride + lanes, sum[Row][1], second, t.alpha, t.beta)),
       ...);
      return;
    }
    T part[Rows][2 * lanes];
    ((store(part[Row], sum[Row][0]), store(part[Row] + lanes, sum[Row][1])), ...);
    finish_part(part[0], Rows, t);
  }
};

/// result = alpha left right + beta result for Rows rows and up to two vectors of columns.
template <class T, int Rows, bool ByColumns> [[gnu::noinline]] void multiply_rows(const matrix_tile<T>& t) {
  tile_step<T, Rows, ByColumns> step{};
  const isize stride = t.left_stride;
  const T *top = t.left, *middle = top + 5 * stride, *bottom = top + 10 * stride, *right = t.right;
  isize three = 3 * stride;
  for (int row = 0; row < Rows; ++row) {  // results are written when the sums are done: their lines arrive meanwhile
    __builtin_prefetch(t.result + row * t.result_stride, 1);
    __builtin_prefetch(t.result + row * t.result_stride + vector_of<T>::lanes, 1);
  }
  const T* soon = t.soon;
  for (isize i = t.inner; i > 0; --i) {
    __builtin_prefetch(soon, 0, 2);  // into the second-level cache
    soon += cache_line / isize(sizeof(T));
    // hides from the compiler how these depend on each other: it would rather keep fourteen pointers
    asm("" : "+r"(top), "+r"(middle), "+r"(bottom), "+r"(three));
    step.all(std::make_integer_sequence<int, Rows>{}, top, middle, bottom, stride, three, load(right),
             load(right + vector_of<T>::lanes));
    right += t.right_stride;
    if constexpr (ByColumns)
      top += stride;
    else
      ++top, ++middle, ++bottom;
  }
  step.finish_all(std::make_integer_sequence<int, Rows>{}, t);
}

inline constexpr int panels_at_once = 3;

template <class T, int Rows> struct panel_step : tile_step<T, Rows, false> {
  [[gnu::always_inline]] void add(const T* left, isize stride, const T* right) {
    vector<T> first = load(right), second = load(right + vector_of<T>::lanes);
#if defined(__x86_64__)
    asm("" : "+v"(first), "+v"(second));  // else the compiler reads them for each row, while they are on their way
#endif
    static_assert(Rows <= 5);  // from one pointer
    this->all(std::make_integer_sequence<int, Rows>{}, left, left, left, stride, 3 * stride, first, second);
  }
};

/// The same for few rows of the left matrix and several panels of the right one. They are read side by side, because a
/// processor fetches several streams from its caches or memory faster than one.
template <class T, int Rows, int... Panel>
[[gnu::always_inline]] inline void multiply_panels(const matrix_tile<T>& t, std::integer_sequence<int, Panel...>) {
  panel_step<T, Rows> steps[panels_at_once]{};
  const isize stride = t.left_stride, panel = t.panel;
  const T *left = t.left, *right = t.right;
  for (isize i = t.inner; i > 0; --i, ++left, right += t.right_stride)
    (steps[Panel].add(left, stride, right + Panel * panel), ...);
  matrix_tile<T> part = t;
  ((steps[Panel].finish_all(std::make_integer_sequence<int, Rows>{}, part), part.result += t.columns,
    part.bias += t.bias ? t.columns : 0),
   ...);
}
template <class T, int Rows> [[gnu::noinline]] void multiply_several_panels(const matrix_tile<T>& t) {
  multiply_panels<T, Rows>(t, std::make_integer_sequence<int, panels_at_once>{});
}

/// Of two rows of a block whose numbers differ in one bit: exchanges that bit of the row's number with the same bit
/// of the column's number. `Second`: the new second row, else the new first.
template <class T, int Bit, bool Second, int... Column>
[[gnu::always_inline]] inline vector<T> exchanged(vector<T> first, vector<T> second,
                                                  std::integer_sequence<int, Column...>) {
  return vector<T>{((Column & Bit) ? second : first)[Second ? Column | Bit : Column & ~Bit]...};
}

/// A square block of as many vectors as a vector has lanes.
template <class T> struct square_block {
  static constexpr int lanes = vector_of<T>::lanes;
  using all = std::make_integer_sequence<int, lanes>;
  using half = std::make_integer_sequence<int, lanes / 2>;
  vector<T> row[lanes];

  /// Reads the last row that is there in place of those that are not.
  template <int... I>
  [[gnu::always_inline]] void load_rows(std::integer_sequence<int, I...>, const T* from, isize stride, isize there) {
    ((row[I] = load(from + (I < there ? I : there - 1) * stride)), ...);
  }
  template <int... I>
  [[gnu::always_inline]] void store_rows(std::integer_sequence<int, I...>, T* to, isize stride) const {
    (store(to + I * stride, row[I]), ...);
  }
  template <int Bit, int... Pair> [[gnu::always_inline]] void exchange(std::integer_sequence<int, Pair...>) {
    (exchange_rows<Bit, Pair / Bit * 2 * Bit + Pair % Bit>(), ...);
  }
  template <int Bit, int Row> [[gnu::always_inline]] void exchange_rows() {
    const vector<T> first = row[Row], second = row[Row + Bit];
    row[Row] = exchanged<T, Bit, false>(first, second, all{});
    row[Row + Bit] = exchanged<T, Bit, true>(first, second, all{});
  }
  template <int Bit = 1> [[gnu::always_inline]] void transpose() {
    if constexpr (Bit < lanes) {
      exchange<Bit>(half{});
      transpose<2 * Bit>();
    }
  }
};

/// to[column * to_stride + row] = from[row * stride + column]; what lies in `to` up to a multiple of the lanes beyond
/// the last row is set to something.
template <class T>
[[gnu::noinline]] void transpose_into(T* to, isize to_stride, const T* from, isize stride, isize rows, isize columns) {
  constexpr int lanes = vector_of<T>::lanes;
  using all = std::make_integer_sequence<int, lanes>;
  for (isize row = 0; row < rows; row += lanes) {
    isize column = 0;
    for (; column + lanes <= columns; column += lanes) {
      square_block<T> block;
      block.load_rows(all{}, from + row * stride + column, stride, rows - row);
      block.transpose();
      block.store_rows(all{}, to + column * to_stride + row, to_stride);
    }
    for (; column < columns; ++column)
      for (isize i = row; i < row + lanes; ++i)
        to[column * to_stride + i] = from[(i < rows ? i : rows - 1) * stride + column];
  }
}

/// to[row * to_stride + column] = from[row * stride + column], fast for as many columns as a tile has.
template <class T>
[[gnu::noinline]] void copy_into(T* to, isize to_stride, const T* from, isize stride, isize rows, isize columns) {
  constexpr isize lanes = vector_of<T>::lanes;
  for (isize row = 0; row < rows; ++row, to += to_stride, from += stride)
    if (columns == 2 * lanes)
      store(to, load(from)), store(to + lanes, load(from + lanes));
    else
      for (isize i = 0; i < columns; ++i) to[i] = from[i];
}

/// Scalar products of Rows rows of the left matrix with rows of the right one, summed in all lanes at once: no row
/// needs to be packed. Rows times columns are the lanes of a vector, which holds the sums in the end.
template <class T, int Rows> struct row_products {
  static constexpr int lanes = vector_of<T>::lanes, columns = lanes / Rows;
  using all = std::make_integer_sequence<int, lanes>;
  square_block<T> sums;

  template <int... I>
  [[gnu::always_inline]] void step(std::integer_sequence<int, I...>, const T* left, isize left_stride, const T* right,
                                   isize right_stride) {
    ((sums.row[I] += load(left + I / columns * left_stride) * load(right + I % columns * right_stride)), ...);
  }
  template <int... I> [[gnu::always_inline]] vector<T> total(std::integer_sequence<int, I...>) const {
    return (sums.row[I] + ...);
  }
};

template <class T, int Rows> [[gnu::noinline]] void multiply_row_products(const matrix_tile<T>& t) {
  using products = row_products<T, Rows>;
  using all = typename products::all;
  for (isize first = 0; first < t.columns; first += products::columns) {
    products p{};
    const T *left = t.left, *right = t.right + first * t.right_stride;
    const isize there = t.columns - first < products::columns ? t.columns - first : products::columns;
    isize i = 0;
    if (there == products::columns)
      for (; i + products::lanes <= t.inner; i += products::lanes)
        p.step(all{}, left + i, t.left_stride, right + i, t.right_stride);
    p.sums.transpose();
    T sums[products::lanes];
    store(sums, p.total(all{}));
    for (int row = 0; row < Rows; ++row)
      for (isize column = 0; column < there; ++column) {
        T sum = sums[row * products::columns + column];
        for (isize j = i; j < t.inner; ++j) sum += left[row * t.left_stride + j] * right[column * t.right_stride + j];
        finish(t.result[row * t.result_stride + first + column], sum, t.bias ? t.bias[first + column] : T(0), t.alpha,
               t.beta);
      }
  }
}

/// Kernels for tiles of one, two, three ... rows.
template <class T, bool ByColumns, class Rows> struct tiles_of_all_heights;
template <class T, bool ByColumns, int... Row>
struct tiles_of_all_heights<T, ByColumns, std::integer_sequence<int, Row...>> {
  static constexpr void (*each[])(const matrix_tile<T>&) = {multiply_rows<T, Row + 1, ByColumns>...};
};

template <class T, class Rows> struct panels_of_all_heights;
template <class T, int... Row> struct panels_of_all_heights<T, std::integer_sequence<int, Row...>> {
  static constexpr void (*each[])(const matrix_tile<T>&) = {multiply_several_panels<T, Row + 1>...};
};

template <class T> struct kernels {
  static constexpr int few_rows = MULTIFUSE_TILE_ROWS / panels_at_once;  // whose sums are not more than a tile's
  using heights = std::make_integer_sequence<int, MULTIFUSE_TILE_ROWS>;
  static constexpr int rows_of_products = vector_of<T>::lanes < 4 ? vector_of<T>::lanes : 4;
  static constexpr matrix_kernels<T> all{MULTIFUSE_TILE_ROWS,
                                         2 * vector_of<T>::lanes,
                                         vector_of<T>::lanes,
                                         tiles_of_all_heights<T, false, heights>::each,
                                         tiles_of_all_heights<T, true, heights>::each,
                                         few_rows,
                                         panels_at_once,
                                         panels_of_all_heights<T, std::make_integer_sequence<int, few_rows>>::each,
                                         rows_of_products,
                                         multiply_row_products<T, rows_of_products>,
                                         multiply_row_products<T, 1>,
                                         transpose_into<T>,
                                         copy_into<T>};
};

}  // namespace multifuse::detail::MULTIFUSE_SET
