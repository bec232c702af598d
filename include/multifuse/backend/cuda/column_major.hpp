#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "../../core/error.hpp"
#include "../../tensor/backend.hpp"

/// Row-major products as a column-major library sees them. Plain arithmetic without CUDA, so that it is tested without
/// a GPU.
namespace multifuse::detail {

/// A batch of matrices in column-major terms, as they lie in memory (before `transposed`).
struct column_major_matrix {
  isize rows, columns, leading, distance;
  bool transposed;
  unsigned alignment;  ///< of every matrix, in bytes: a power of two up to 16
  friend bool operator==(const column_major_matrix&, const column_major_matrix&) = default;
};

/// What a product does besides, in one pass: adds a number to each row of its column-major result, applies a function,
/// or sums the columns of its second matrix, as the gradient of a bias needs. The arguments of the function may be written
/// as well, as a matrix like the result, or be read from one: then the result is multiplied by its slope there.
struct product_epilogue {
  enum class function { none, relu, gelu_tanh };
  enum class arguments { unknown, written, read };
  bool adds_bias = false, sums_second = false;
  function applies = function::none;
  arguments of_function = arguments::unknown;

  bool anything() const { return adds_bias || sums_second || applies != function::none; }
  friend bool operator==(const product_epilogue&, const product_epilogue&) = default;
};

/// result[n, m] = first[n, k] second[k, m], column-major. All that the choice of an algorithm depends on.
struct column_major_product {
  isize batch;
  column_major_matrix first, second, result;
  product_epilogue epilogue{};
  bool rounded = false;  ///< inputs of float products may be rounded to TF32
  friend bool operator==(const column_major_product&, const column_major_product&) = default;
};

/// The largest power of two up to 16 that divides an address and the bytes from one matrix to the next.
inline unsigned alignment_of(const void* address, isize bytes_apart) {
  const std::uintptr_t bits = reinterpret_cast<std::uintptr_t>(address) | std::uintptr_t(bytes_apart) | 16u;
  return unsigned(bits & (~bits + 1));  // the lowest bit set
}

/// A row-major matrix is the column-major one of its transpose; so a[m, k] stored plain is [k, m] in column-major
/// terms.
template <class T>
column_major_matrix column_major(const char* which, isize batch, isize rows, isize columns, matrix<T> x) {
  const bool transposed = x.order == layout::transposed;
  const isize lines = transposed ? columns : rows, length = transposed ? rows : columns;
  if (lines > 1 && x.stride < length)
    throw argument_error("multiply", std::string("rows of ") + which + " overlap",
                         "a stride of at least " + std::to_string(length), std::to_string(x.stride));
  const isize leading = x.stride < length ? length : x.stride;  // of a single row no stride is ever used
  const isize distance = batch > 1 ? x.distance : 0;
  return {length, lines, leading, distance, transposed, alignment_of(x.data, distance * isize(sizeof(T)))};
}

/// The product c[m, n] = a[m, k] b[k, n] read column-major: c^T = b^T a^T. Throws argument_error for overlapping
/// results.
template <class T, class R = T>
column_major_product column_major(isize batch, isize m, isize n, isize k, matrix<const T> a, matrix<const T> b,
                                  matrix<R> c) {
  if (batch > 1 && c.distance == 0)
    throw argument_error("multiply", "all matrices of the batch have the same result", "a distance", "0");
  if (c.order == layout::transposed)
    throw argument_error("multiply", "the result is transposed", "a plain result", "transposed");
  return {batch,
          column_major("b", batch, k, n, b),
          column_major("a", batch, m, k, a),
          column_major("c", batch, m, n, c),
          {},
          false};
}

/// For the table of algorithms that were chosen before.
struct column_major_hash {
  std::size_t operator()(const column_major_product& p) const {
    std::uint64_t mixed = std::uint64_t(p.batch) * 2 + p.rounded;
    const auto mix = [&](std::uint64_t value) {
      mixed = (mixed ^ value) * 0x9E3779B97F4A7C15ull;
      mixed ^= mixed >> 29;
    };
    mix(std::uint64_t(p.epilogue.applies) * 4 + p.epilogue.adds_bias * 2u + p.epilogue.sums_second);
    mix(std::uint64_t(p.epilogue.of_function));
    for (const column_major_matrix* x : {&p.first, &p.second, &p.result}) {
      mix(std::uint64_t(x->rows));
      mix(std::uint64_t(x->columns));
      mix(std::uint64_t(x->leading));
      mix(std::uint64_t(x->distance));
      mix(x->alignment * 2 + x->transposed);
    }
    return std::size_t(mixed);
  }
};

}  // namespace multifuse::detail
