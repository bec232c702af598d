// Matrix kernels for bf16 with the dot product of AVX512_BF16: two neighbors along the inner axis are one unit of 32
// bits, which a product and its sum in float take in one instruction. Compiled for the instructions of the set avx512,
// whose blocks it shares; the new instructions are written out, because the compilers disagree on how they are called.

namespace multifuse::detail::avx512_bf16 {

using pair = std::uint32_t;  // two elements, the earlier one in the lower half
inline constexpr int lanes = 16, tile_rows = 14, tile_columns = 2 * lanes;

typedef float floats __attribute__((vector_size(64)));
// as floats: blocks transpose those
typedef float packed_pairs __attribute__((vector_size(64), aligned(2), may_alias));
typedef std::uint16_t half_floats __attribute__((vector_size(32)));

/// sum += the products of both halves of a pair with those of 16 pairs.
[[gnu::always_inline]] inline void add_products(floats& sum, const pair& left, floats right) {
  asm("vdpbf16ps %1%{1to16%}, %2, %0" : "+v"(sum) : "m"(left), "v"(right));
}
/// The same for 16 pairs each.
[[gnu::always_inline]] inline void add_products(floats& sum, floats left, floats right) {
  asm("vdpbf16ps %1, %2, %0" : "+v"(sum) : "v"(left), "v"(right));
}

/// Rounds to the nearest, ties to even; denormal numbers become zero.
[[gnu::always_inline]] inline half_floats to_bf16(floats x) {
  half_floats rounded;
  asm("vcvtneps2bf16 %1, %0" : "=v"(rounded) : "v"(x));
  return rounded;
}

/// The first `columns` of 16 elements.
template <class R, class V> [[gnu::always_inline]] inline void put(R* to, const V& all, isize columns) {
  if (columns == lanes)
    __builtin_memcpy(to, &all, sizeof all);
  else
    __builtin_memcpy(to, &all, std::size_t(columns) * sizeof(R));
}

/// The first `columns` of 16 elements as floats, and zeros.
[[gnu::always_inline]] inline floats get(const float* from, isize columns) {
  floats all{};
  if (columns == lanes)
    __builtin_memcpy(&all, from, sizeof all);
  else
    __builtin_memcpy(&all, from, std::size_t(columns) * sizeof(float));
  return all;
}
[[gnu::always_inline]] inline floats get(const bf16* from, isize columns) {
  typedef std::uint32_t words __attribute__((vector_size(64)));
  half_floats halves{};
  if (columns == lanes)
    __builtin_memcpy(&halves, from, sizeof halves);
  else
    __builtin_memcpy(&halves, from, std::size_t(columns) * sizeof(bf16));
  const words upper = __builtin_convertvector(halves, words) << 16;
  return __builtin_bit_cast(floats, upper);
}

/// Rounds to the result's type, the first `columns` of 16.
[[gnu::always_inline]] inline void round_to(float* to, floats sum, isize columns) { put(to, sum, columns); }
[[gnu::always_inline]] inline void round_to(bf16* to, floats sum, isize columns) { put(to, to_bf16(sum), columns); }

/// 16 columns of a row.
template <class R>
[[gnu::always_inline]] inline void finish_vector(R* to, floats sum, floats bias, float alpha, float beta) {
  sum = alpha * sum + bias;
  if (beta != 0.0f) sum += beta * get(to, lanes);
  round_to(to, sum, lanes);
}

/// Up to 16 columns of a tile, out of the registers, to where the result is.
template <class R>
[[gnu::always_inline]] inline void finish_columns(const bf16_tile<R>& t, int rows, float* sums, isize first,
                                                  isize columns) {
  const floats bias = t.bias ? get(t.bias + first, columns) : floats{};
  R* to = t.result + first;
  for (int row = 0; row < rows; ++row, to += t.result_stride) {
    floats sum = t.alpha * get(sums + row * tile_columns + first, lanes) + bias;
    if (t.beta != 0.0f) sum += t.beta * get(to, columns);
    if (t.finish)
      put(sums + row * tile_columns + first, sum, lanes);
    else
      round_to(to, sum, columns);
  }
}

template <class R> [[gnu::noinline]] void finish_tile(const bf16_tile<R>& t, int rows, float* sums) {
  const isize first = lanes > t.columns ? t.columns : lanes, second = t.columns - first;
  finish_columns(t, rows, sums, 0, first);
  if (second > 0) finish_columns(t, rows, sums, lanes, second);
  if (!t.finish) return;
  t.finish(sums, tile_columns, rows, t.columns);
  for (int row = 0; row < rows; ++row) {
    R* const to = t.result + row * t.result_stride;
    const float* const from = sums + row * tile_columns;
    round_to(to, get(from, lanes), first);
    if (second > 0) round_to(to + lanes, get(from + lanes, lanes), second);
  }
}

/// Adds one pair of each row of the left matrix times a row of pairs of the right one. Three pointers address the rows,
/// as in the float tiles.
template <class R, int Rows, bool ByColumns> struct tile_sums {
  floats sum[Rows][2];

  template <int Row>
  [[gnu::always_inline]] void add_row(const bf16* top, const bf16* middle, const bf16* bottom, isize stride,
                                      isize three, floats first, floats second) {
    constexpr int part = Row % 5;
    const bf16* const from = Row < 5 ? top : Row < 10 ? middle : bottom;
    const pair& left =
        *reinterpret_cast<const pair*>(ByColumns ? top + 2 * Row : from + (part == 3 ? three : part * stride));
    add_products(sum[Row][0], left, first);
    add_products(sum[Row][1], left, second);
  }
  template <int... Row>
  [[gnu::always_inline]] void add(std::integer_sequence<int, Row...>, const bf16* top, const bf16* middle,
                                  const bf16* bottom, isize stride, isize three, floats first, floats second) {
    (add_row<Row>(top, middle, bottom, stride, three, first, second), ...);
  }
  template <int... Row>
  [[gnu::always_inline]] void finish(std::integer_sequence<int, Row...>, const bf16_tile<R>& t) const {
    const floats first = t.bias ? get(t.bias, lanes) : floats{};
    const floats second = t.bias ? get(t.bias + lanes, lanes) : floats{};
    ((finish_vector(t.result + Row * t.result_stride, sum[Row][0], first, t.alpha, t.beta),
      finish_vector(t.result + Row * t.result_stride + lanes, sum[Row][1], second, t.alpha, t.beta)),
     ...);
  }
  template <int... Row>
  [[gnu::always_inline]] void store(std::integer_sequence<int, Row...>, float (*to)[tile_columns]) const {
    (__builtin_memcpy(to[Row], sum[Row], sizeof sum[Row]), ...);
  }
};

/// A tile of up to 14 rows and 32 columns, over the whole inner axis.
template <class R, int Rows, bool ByColumns> [[gnu::noinline]] void multiply_rows(const bf16_tile<R>& t) {
  using all = std::make_integer_sequence<int, Rows>;
  tile_sums<R, Rows, ByColumns> sums{};
  const isize stride = t.left_stride, step = ByColumns ? stride : 2;
  const bf16 *top = t.left, *middle = top + 5 * stride, *bottom = top + 10 * stride, *right = t.right;
  isize three = 3 * stride;
  for (int row = 0; row < Rows; ++row) __builtin_prefetch(t.result + row * t.result_stride, 1);
  const bf16* soon = t.soon ? t.soon : right;
  for (isize i = (t.inner + 1) / 2; i > 0; --i, right += 2 * tile_columns) {
    __builtin_prefetch(soon, 0, 2);  // into the second-level cache
    soon += cache_line / isize(sizeof(bf16));
    asm("" : "+r"(top), "+r"(middle), "+r"(bottom), "+r"(three));  // see multiply_rows of floats
    floats first, second;
    __builtin_memcpy(&first, right, sizeof first);
    __builtin_memcpy(&second, right + 2 * lanes, sizeof second);
    sums.add(all{}, top, middle, bottom, stride, three, first, second);
    top += step, middle += step, bottom += step;
  }
  if (t.columns == tile_columns && !t.finish) return sums.finish(all{}, t);
  float stored[Rows][tile_columns];
  sums.store(all{}, stored);
  finish_tile(t, Rows, stored[0]);
}

/// The first `elements` of 32, in pairs, and zeros.
[[gnu::always_inline]] inline floats get_pairs(const bf16* from, isize elements) {
  floats all;
  const packed_pairs* const place = reinterpret_cast<const packed_pairs*>(from);
  if (elements >= 2 * lanes)
    all = *place;
  else
    asm("vmovdqu16 %1, %0%{%2%}%{z%}" : "=v"(all) : "m"(*place), "Yk"((std::uint32_t(1) << elements) - 1));
  return all;
}

/// Of 16 rows up to 16 pairs each.
struct pair_block : avx512::square_block<float> {
  /// Reads the last row that is there in place of those that are not; what follows `elements` is zero.
  template <int... Row>
  [[gnu::always_inline]] void load(std::integer_sequence<int, Row...>, const bf16* from, isize stride, isize last,
                                   isize elements) {
    ((row[Row] = get_pairs(from + (Row < last ? Row : last) * stride, elements)), ...);
  }
  template <int... Row>
  [[gnu::always_inline]] void store(std::integer_sequence<int, Row...>, pair* to, isize step, isize rows) const {
    ((Row < rows ? (void)__builtin_memcpy(to + Row * step, &row[Row], sizeof row[Row]) : (void)0), ...);
  }
};

/// to[pair * step + row] = elements 2 pair and 2 pair + 1 of each row, for up to `step` rows, a multiple of 16; zero
/// beside the last element of an odd number.
[[gnu::noinline]] inline void lay_out_rows(pair* to, isize step, const bf16* from, isize stride, isize rows,
                                           isize inner) {
  using all = std::make_integer_sequence<int, lanes>;
  for (isize first = 0; first < rows; first += lanes)
    for (isize at = 0; at < inner; at += 2 * lanes) {
      const isize elements = inner - at < 2 * lanes ? inner - at : 2 * lanes;
      pair_block block{};
      block.load(all{}, from + first * stride + at, stride, rows - first - 1, elements);
      block.transpose();
      block.store(all{}, to + at / 2 * step + first, step, (elements + 1) / 2);
    }
}

/// The same from a matrix that holds the rows as columns.
[[gnu::noinline]] inline void lay_out_columns(pair* to, isize step, const bf16* from, isize stride, isize rows,
                                              isize inner) {
  for (isize at = 0; at < inner; at += 2, to += step) {
    const bf16 *const first = from + at * stride, *const second = first + stride;
    if (at + 1 < inner) {
      MULTIFUSE_INDEPENDENT
      for (isize row = 0; row < rows; ++row) to[row] = pair(first[row].bits) | pair(second[row].bits) << 16;
    } else {
      for (isize row = 0; row < rows; ++row) to[row] = first[row].bits;
    }
  }
}

/// Scalar products of Rows rows with rows of the right matrix, summed in all lanes at once as those of floats are. Both
/// are read where they are, and the last row in place of those that are not there.
template <int Rows> struct row_products : avx512::row_products<float, Rows> {
  using base = avx512::row_products<float, Rows>;
  template <int... I>
  [[gnu::always_inline]] void step(std::integer_sequence<int, I...>, const bf16* left, isize left_stride,
                                   const bf16* right, isize right_stride, isize there, isize elements) {
    floats of_left[Rows], of_right[base::columns];
    for (int row = 0; row < Rows; ++row) of_left[row] = get_pairs(left + row * left_stride, elements);
    for (int column = 0; column < base::columns; ++column)
      of_right[column] = get_pairs(right + (column < there ? column : there - 1) * right_stride, elements);
    (add(I, of_left[I / base::columns], of_right[I % base::columns]), ...);
  }
  [[gnu::always_inline]] void add(int i, floats left, floats right) {
    floats sum = this->sums.row[i];
    add_products(sum, left, right);
    this->sums.row[i] = sum;
  }
};

template <class R, int Rows> [[gnu::noinline]] void multiply_row_products(const bf16_tile<R>& t) {
  using products = row_products<Rows>;
  using all = std::make_integer_sequence<int, lanes>;
  float sums[Rows][tile_columns];
  for (isize first = 0; first < t.columns; first += products::columns) {
    products p{};
    const bf16 *left = t.left, *right = t.right + first * t.right_stride;
    isize i = t.inner;
    for (; i >= 2 * lanes; i -= 2 * lanes, left += 2 * lanes, right += 2 * lanes)
      p.step(all{}, left, t.left_stride, right, t.right_stride, t.columns - first, 2 * lanes);
    if (i > 0) p.step(all{}, left, t.left_stride, right, t.right_stride, t.columns - first, i);
    p.sums.transpose();
    const floats total = p.total(all{});
    for (int row = 0; row < Rows; ++row)
      __builtin_memcpy(&sums[row][first], reinterpret_cast<const float*>(&total) + row * products::columns,
                       sizeof(float) * products::columns);
  }
  finish_tile(t, Rows, sums[0]);
}

/// Rows of whole vectors of floats become bf16, each at the beginning of its own memory.
[[gnu::noinline]] inline void round_rows(float* x, isize stride, isize rows, isize columns) {
  for (isize row = 0; row < rows; ++row, x += stride)
    for (isize i = 0; i < columns; i += lanes) {
      const half_floats rounded = to_bf16(get(x + i, lanes));
      __builtin_memcpy(reinterpret_cast<std::uint16_t*>(x) + i, &rounded, sizeof rounded);
    }
}

/// Kernels for tiles of one, two, three ... rows.
template <class R, class Rows> struct tiles_of_all_heights;
template <class R, int... Row> struct tiles_of_all_heights<R, std::integer_sequence<int, Row...>> {
  static constexpr void (*by_rows[])(const bf16_tile<R>&) = {multiply_rows<R, Row + 1, false>...};
  static constexpr void (*by_columns[])(const bf16_tile<R>&) = {multiply_rows<R, Row + 1, true>...};
};
template <class R> using tiles = tiles_of_all_heights<R, std::make_integer_sequence<int, tile_rows>>;

}  // namespace multifuse::detail::avx512_bf16
