#pragma once
#include <utility>

#include "../../core/types.hpp"
#include "attention_kernels.hpp"
#include "instruction_set.hpp"

namespace multifuse::detail {

inline constexpr isize cache_line = 64;  // bytes

/// What a kernel is asked to compute: result = alpha left right + beta result + bias for a few rows and columns.
template <class T> struct matrix_tile {
  isize inner;
  const T* left;
  isize left_stride;  ///< between rows, or between columns in the form that takes the left matrix by columns
  const T* right;     ///< rows of as many columns as the kernel's largest tile has: the rest is there, but not used
  isize right_stride;
  T* result;
  isize result_stride;
  isize columns;
  T alpha, beta;
  const T* bias = nullptr;  ///< of each column; null if there is none
  const T* soon = nullptr;  ///< what is needed next: a cache line of it is fetched for each element of the inner axis
  isize panel = 0;          ///< from one panel of the right matrix to the next, for kernels that take several
};

/// The kernels of one set of instructions.
template <class T> struct matrix_kernels {
  isize rows, columns;  ///< of the largest tile
  isize lanes;
  void (*const* by_rows)(const matrix_tile<T>&);  ///< by height of the tile, less one
  void (*const* by_columns)(const matrix_tile<T>&);
  isize few_rows, panels;  ///< so many rows at most meet so many panels, all as wide as the largest tile
  void (*const* several_panels)(const matrix_tile<T>&);  ///< by height, less one, from rows
  isize rows_of_products;
  void (*several_row_products)(const matrix_tile<T>&);  ///< of so many rows with any number of rows of the right matrix
  void (*row_products)(const matrix_tile<T>&);          ///< of one
  void (*transpose)(T* to, isize to_stride, const T* from, isize stride, isize rows, isize columns);
  void (*copy)(T* to, isize to_stride, const T* from, isize stride, isize rows, isize columns);
};

}  // namespace multifuse::detail

// The undefined behavior sanitizer asks so many questions about each lane that a source with a product compiled for 16
// seconds instead of 4. The address sanitizer stays.
#if defined(__clang__)
MULTIFUSE_PRAGMA(clang attribute push(__attribute__((no_sanitize("undefined"))), apply_to = function))
#endif

#if defined(__x86_64__)
MULTIFUSE_COMPILE_FOR("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#define MULTIFUSE_SET avx512
#define MULTIFUSE_VECTOR_BYTES 64
#define MULTIFUSE_TILE_ROWS 14
#include "kernels/set.inl"
MULTIFUSE_COMPILE_FOR_ALL

MULTIFUSE_COMPILE_FOR("avx2,fma")
#define MULTIFUSE_SET avx2
#define MULTIFUSE_VECTOR_BYTES 32
#define MULTIFUSE_TILE_ROWS 6
#include "kernels/set.inl"
MULTIFUSE_COMPILE_FOR_ALL
#endif

#define MULTIFUSE_SET portable
#define MULTIFUSE_VECTOR_BYTES 16
#define MULTIFUSE_TILE_ROWS 6
#include "kernels/set.inl"

#if defined(__clang__)
MULTIFUSE_PRAGMA(clang attribute pop)
#endif

namespace multifuse::detail {

/// f(loops) with the loops compiled for the instructions in use. A program that needs AVX-512 anyway has no others.
template <class F> decltype(auto) with_loops_in_use(const F& f) {
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
  return f(avx512::loops{});
#elif defined(__x86_64__)
  switch (instructions_in_use()) {
    case instruction_set::avx512_bf16:
    case instruction_set::avx512:
      return f(avx512::loops{});
    case instruction_set::avx2:
      return f(avx2::loops{});
    case instruction_set::portable:
      break;
  }
  return f(portable::loops{});
#else
  return f(portable::loops{});
#endif
}

/// kernel(row, column) for some rows and columns.
template <class Kernel>
void for_each_in_use(isize first_row, isize last_row, isize first_column, isize last_column, const Kernel& kernel) {
  with_loops_in_use([&](auto loops) { loops.for_each(first_row, last_row, first_column, last_column, kernel); });
}

/// The kernels of the instructions in use.
template <class T> const matrix_kernels<T>& matrix_kernels_in_use() {
#if defined(__x86_64__)
  switch (instructions_in_use()) {
    case instruction_set::avx512_bf16:
    case instruction_set::avx512:
      return avx512::kernels<T>::all;
    case instruction_set::avx2:
      return avx2::kernels<T>::all;
    case instruction_set::portable:
      break;
  }
#endif
  return portable::kernels<T>::all;
}

#if defined(MULTIFUSE_COMPILED_KERNELS)  // elsewhere: see compiled_kernels.hpp
extern template const matrix_kernels<float>& matrix_kernels_in_use<float>();
extern template const matrix_kernels<double>& matrix_kernels_in_use<double>();
#endif

/// The row kernels of attention for the instructions in use.
template <class T> const attention_kernels<T>& attention_kernels_in_use() {
#if defined(__x86_64__)
  switch (instructions_in_use()) {
    case instruction_set::avx512_bf16:
    case instruction_set::avx512:
      return avx512::kernels_of_attention<T>;
    case instruction_set::avx2:
      return avx2::kernels_of_attention<T>;
    case instruction_set::portable:
      break;
  }
#endif
  return portable::kernels_of_attention<T>;
}

}  // namespace multifuse::detail
