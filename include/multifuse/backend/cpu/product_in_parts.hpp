#pragma once
#include <algorithm>

#include "../../tensor/backend.hpp"
#include "threads.hpp"

namespace multifuse::detail {

/// What a product may know and do beyond alpha a b + beta c.
template <class T> struct product_extras {
  const T* packed = nullptr;  ///< b as `pack` of the product laid it out
  const T* bias = nullptr;    ///< of each column
  /// Changes results while they are in the cache.
  void (*finish)(compute_type<T>* first, isize stride, isize rows, isize columns) = nullptr;
};

/// c[m, n] = finish(alpha a[m, k] b[k, n] + beta c + bias), cut into parts for threads. `Product` derives from it and
/// says
/// - `row_grain`, `column_grain`: parts begin at multiples of them, so that each element is computed in the same way
///   for any number of threads
/// - `packed_inner(k)`: elements of a packed column
/// - `multiply_as_part_of(whole)`: computes the product in the way that suits the whole
template <class Product, class T, class R> class product_in_parts {
 public:
  void compute() const { compute_part(0, m_, 0, n_); }

  /// Spreads rows or columns over threads, whichever are more. `enough`: multiplications and additions for each.
  void compute_in_parallel(isize enough) const {
    if (m_ > n_)
      in_parallel(m_, self().row_grain(), enough / std::max<isize>(1, n_ * k_),
                  [this](isize first, isize last) { compute_part(first, last, 0, n_); });
    else
      in_parallel(n_, self().column_grain(), enough / std::max<isize>(1, m_ * k_),
                  [this](isize first, isize last) { compute_part(0, m_, first, last); });
  }

 protected:
  product_in_parts(isize m, isize n, isize k, compute_type<T> alpha, matrix<const T> a, matrix<const T> b,
                   compute_type<T> beta, matrix<R> c, const product_extras<T>& extras)
      : m_(m), n_(n), k_(k), alpha_(alpha), beta_(beta), a_(a), b_(b), c_(c), extras_(extras) {}

  /// Rows whose distance is a multiple of a page's size compete for the same places of the first-level cache.
  static bool stride_aliases(isize stride) { return stride * isize(sizeof(T)) % 4096 == 0; }

  isize tile_count(isize rows) const { return (rows + self().row_grain() - 1) / self().row_grain(); }
  /// Calls `work(tile, first row, rows)`: no tile is much lower than the others, because a low one takes as long to fetch
  /// the right matrix as a high one.
  void for_each_tile(isize rows, auto work) const {
    const isize tiles = tile_count(rows);
    for (isize tile = 0, row = 0; tile < tiles; ++tile) {
      const isize next = rows * (tile + 1) / tiles;
      work(tile, row, next - row);
      row = next;
    }
  }

  isize m_, n_, k_;
  compute_type<T> alpha_, beta_;
  matrix<const T> a_, b_;
  matrix<R> c_;
  product_extras<T> extras_;

 private:
  const Product& self() const { return static_cast<const Product&>(*this); }

  void compute_part(isize first_row, isize last_row, isize first_column, isize last_column) const {
    Product part = self();
    part.m_ = last_row - first_row;
    part.n_ = last_column - first_column;
    part.a_.data += a_.order == layout::plain ? first_row * a_.stride : first_row;
    part.b_.data += b_.order == layout::plain ? first_column : first_column * b_.stride;
    part.c_.data += first_row * c_.stride + first_column;
    if (extras_.packed) part.extras_.packed += first_column * Product::packed_inner(k_);
    if (extras_.bias) part.extras_.bias += first_column;
    part.multiply_as_part_of(self());
  }
};

}  // namespace multifuse::detail
