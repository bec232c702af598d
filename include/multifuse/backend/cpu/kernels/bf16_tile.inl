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

template <int Rows> struct tile_sums {
  floats sum[Rows][2];

  template <int... Row>
  [[gnu::always_inline]] void add(std::integer_sequence<int, Row...>, const pair* left, floats first, floats second) {
    ((add_products(sum[Row][0], left[Row], first), add_products(sum[Row][1], left[Row], second)), ...);
  }
  template <int... Row>
  [[gnu::always_inline]] void store(std::integer_sequence<int, Row...>, float (*to)[tile_columns]) const {
    (__builtin_memcpy(to[Row], sum[Row], sizeof sum[Row]), ...);
  }
};

/// A tile of up to 14 rows and 32 columns, over the whole inner axis.
template <class R, int Rows> [[gnu::noinline]] void multiply_rows(const bf16_tile<R>& t) {
  using all = std::make_integer_sequence<int, Rows>;
  tile_sums<Rows> sums{};
  const pair *left = t.left, *right = t.right;
  for (isize i = t.pairs; i > 0; --i, left += lanes, right += tile_columns) {
    floats first, second;
    __builtin_memcpy(&first, right, sizeof first);
    __builtin_memcpy(&second, right + lanes, sizeof second);
    sums.add(all{}, left, first, second);
  }
  float stored[Rows][tile_columns];
  sums.store(all{}, stored);
  finish_tile(t, Rows, stored[0]);
}

/// Of 16 rows up to 16 pairs each.
struct pair_block : avx512::square_block<float> {
  /// Reads the last row that is there in place of those that are not; what follows `elements` is zero.
  template <int... Row>
  [[gnu::always_inline]] void load(std::integer_sequence<int, Row...>, const bf16* from, isize stride, isize last,
                                   isize elements) {
    if (elements == 2 * lanes)
      ((row[Row] = *reinterpret_cast<const packed_pairs*>(from + (Row < last ? Row : last) * stride)), ...);
    else
      (__builtin_memcpy(&row[Row], from + (Row < last ? Row : last) * stride, std::size_t(elements) * sizeof(bf16)),
       ...);
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

/// Kernels for tiles of one, two, three ... rows.
template <class R, class Rows> struct tiles_of_all_heights;
template <class R, int... Row> struct tiles_of_all_heights<R, std::integer_sequence<int, Row...>> {
  static constexpr void (*each[])(const bf16_tile<R>&) = {multiply_rows<R, Row + 1>...};
};
template <class R> using tiles = tiles_of_all_heights<R, std::make_integer_sequence<int, tile_rows>>;

}  // namespace multifuse::detail::avx512_bf16
