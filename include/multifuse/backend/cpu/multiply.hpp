#pragma once
#include <algorithm>
#include <memory>
#include <new>

#include "../../tensor/backend.hpp"
#include "kernels.hpp"
#include "threads.hpp"

/// Matrix products in blocks that fit the caches (Goto and van de Geijn 2008): a panel of the right matrix, as wide
/// as a kernel's tile, is laid out in the order in which kernels read it, and meets all rows of a block of the left
/// one.
namespace multifuse::detail {

/// Memory of one thread that grows to what the largest product needs.
template <class T> class product_workspace {
 public:
  T* room(isize elements) {
    if (elements > size_) {
      first_.reset(static_cast<T*>(::operator new(std::size_t(elements) * sizeof(T), std::align_val_t(64))));
      size_ = elements;
    }
    return first_.get();
  }
  static product_workspace& of_this_thread() {
    static thread_local product_workspace workspace;
    return workspace;
  }

 private:
  struct release {
    void operator()(T* memory) const { ::operator delete(memory, std::align_val_t(64)); }
  };
  std::unique_ptr<T, release> first_;
  isize size_ = 0;
};

/// What a product may know and do beyond alpha a b + beta c.
template <class T> struct product_extras {
  const T* packed = nullptr;  ///< b as `pack` of the product laid it out
  const T* bias = nullptr;    ///< of each column
  /// Changes results while they are in the cache.
  void (*finish)(compute_type<T>* first, isize stride, isize rows, isize columns) = nullptr;
};

template <class T> class matrix_product {
 public:
  matrix_product(isize m, isize n, isize k, T alpha, matrix<const T> a, matrix<const T> b, T beta, matrix<T> c,
                 product_extras<T> extras = {})
      : kernels_(matrix_kernels_in_use<T>()), m_(m), n_(n), k_(k), alpha_(alpha), beta_(beta), a_(a), b_(b), c_(c),
        extras_(extras) {}

  /// The right matrix as kernels read it: panels of as many columns as a tile has, row by row.
  static void pack(T* to, isize n, isize k, matrix<const T> b) {
    const auto& kernels = matrix_kernels_in_use<T>();
    std::fill_n(to, packed_size(n, k), T(0));
    for (isize j = 0; j < n; j += kernels.columns, to += kernels.columns * k) {
      const isize columns = std::min(kernels.columns, n - j);
      if (b.order == layout::transposed)
        kernels.transpose(to, kernels.columns, b.data + j * b.stride, b.stride, columns, k);
      else
        kernels.copy(to, kernels.columns, b.data + j, b.stride, k, columns);
    }
  }
  static isize packed_size(isize n, isize k) {
    const isize width = matrix_kernels_in_use<T>().columns;
    return (n + width - 1) / width * width * k;
  }
  static isize packing() { return matrix_kernels_in_use<T>().columns; }

  void compute() const { compute_part(0, m_, 0, n_); }

  /// Spreads rows or columns over threads, whichever are more. `enough`: multiplications and additions for each.
  void compute_in_parallel(isize enough) const {
    if (m_ > n_)
      in_parallel(m_, kernels_.rows, enough / std::max<isize>(1, n_ * k_),
                  [this](isize first, isize last) { compute_part(first, last, 0, n_); });
    else
      in_parallel(n_, kernels_.columns, enough / std::max<isize>(1, m_ * k_),
                  [this](isize first, isize last) { compute_part(0, m_, first, last); });
  }

 private:
  static constexpr isize inner_per_row = 25;   // with more of it, laying out the right matrix costs more than it saves
  static constexpr isize inner_at_once = 1024;  // a panel of the right matrix streams from the second-level cache
  static constexpr isize elements_of_block = 160 * 1024;  // of the left matrix, which stay in the second-level one

  /// Some rows and columns of the result, computed in the way that suits the whole.
  void compute_part(isize first_row, isize last_row, isize first_column, isize last_column) const {
    const bool few_rows = (!extras_.packed || m_ == 1) && a_.order == layout::plain && b_.order == layout::transposed &&
                          m_ * inner_per_row < k_;
    matrix_product part = *this;
    part.m_ = last_row - first_row;
    part.n_ = last_column - first_column;
    part.a_.data += a_.order == layout::plain ? first_row * a_.stride : first_row;
    part.b_.data += b_.order == layout::plain ? first_column : first_column * b_.stride;
    part.c_.data += first_row * c_.stride + first_column;
    if (extras_.packed) part.extras_.packed += first_column * k_;  // a multiple of a panel's columns
    if (extras_.bias) part.extras_.bias += first_column;
    few_rows ? part.multiply_few_rows() : part.multiply_blocks();
  }

  void multiply_few_rows() const {
    for (isize row = 0; row < m_;) {
      const bool several = row + kernels_.rows_of_products <= m_;
      (several ? kernels_.several_row_products
               : kernels_.row_products)({k_, a_.data + row * a_.stride, a_.stride, b_.data, b_.stride,
                                         c_.data + row * c_.stride, c_.stride, n_, alpha_, beta_, extras_.bias});
      row += several ? kernels_.rows_of_products : 1;
    }
    if (extras_.finish) extras_.finish(c_.data, c_.stride, m_, n_);
  }

  void multiply_blocks() const {
    const isize parts = std::max<isize>(1, (k_ + inner_at_once - 1) / inner_at_once);
    const isize height = kernels_.rows, width = kernels_.columns;
    const isize inner = (k_ + parts - 1) / parts;
    const isize rows_at_once = std::max<isize>(1, elements_of_block / std::max<isize>(1, inner) / height) * height;
    const bool lay_out_left = a_.order == layout::plain && (n_ >= 12 * width || stride_aliases(a_.stride));
    T* const panel = product_workspace<T>::of_this_thread().room(
        inner * width + (lay_out_left ? (std::min(m_, rows_at_once) + height) * left_step() / height * inner : 0));
    T* const left = panel + inner * width;
    for (isize i = 0; i < m_; i += rows_at_once) {
      const isize rows = std::min(rows_at_once, m_ - i);
      for (isize k = 0; k < k_ || k == 0; k += inner) {
        const isize depth = std::min(inner, k_ - k);
        if (lay_out_left) lay_out_rows(left, i, rows, k, depth);
        for (isize j = 0; j < n_; j += width) {
          matrix_tile<T> tile{depth,     nullptr,
                              0,         nullptr,
                              width,     c_.data + i * c_.stride + j,
                              c_.stride, std::min(width, n_ - j),
                              alpha_,    k == 0 ? beta_ : T(1),
                              k == 0 && extras_.bias ? extras_.bias + j : nullptr};
          lay_out_columns(tile, panel, k, j, rows);
          multiply_rows(tile, lay_out_left ? left : nullptr, i, rows, k);
        }
      }
    }
  }

  /// Rows whose distance is a multiple of a page's size compete for the same places of the first-level cache.
  static bool stride_aliases(isize stride) { return stride * isize(sizeof(T)) % 4096 == 0; }
  /// Distance between columns of rows that are laid out.
  isize left_step() const { return (kernels_.rows + kernels_.lanes - 1) / kernels_.lanes * kernels_.lanes; }

  void lay_out_rows(T* to, isize first, isize rows, isize k, isize depth) const {
    for (isize i = 0; i < rows; i += kernels_.rows, to += left_step() * depth)
      kernels_.transpose(to, left_step(), a_.data + (first + i) * a_.stride + k, a_.stride,
                         std::min(kernels_.rows, rows - i), depth);
  }

  void lay_out_columns(matrix_tile<T>& tile, T* panel, isize k, isize j, isize rows) const {
    tile.right = extras_.packed ? extras_.packed + j * k_ + k * kernels_.columns : panel;
    if (extras_.packed) return;
    if (b_.order == layout::transposed) {
      kernels_.transpose(panel, kernels_.columns, b_.data + j * b_.stride + k, b_.stride, tile.columns, tile.inner);
      return;
    }
    const T* const from = b_.data + k * b_.stride + j;  // in place, where too few rows make a copy worth its time
    if (tile.columns == kernels_.columns && rows <= (stride_aliases(b_.stride) ? 2 : 8) * kernels_.rows) {
      tile.right = from;
      tile.right_stride = b_.stride;
      return;
    }
    if (kernels_.columns > tile.columns) std::fill_n(panel, tile.inner * kernels_.columns, T(0));
    kernels_.copy(panel, kernels_.columns, from, b_.stride, tile.inner, tile.columns);
  }

  void multiply_rows(matrix_tile<T> tile, const T* laid_out, isize first, isize rows, isize k) const {
    const auto* const kernels = laid_out || a_.order == layout::transposed ? kernels_.by_columns : kernels_.by_rows;
    const isize tiles = (rows + kernels_.rows - 1) / kernels_.rows;
    for (isize i = 0, row = 0; i < tiles; ++i) {
      // laid out, all tiles but the last are as high as can be; else no tile is much lower than the others
      const isize next = laid_out ? std::min(rows, row + kernels_.rows) : rows * (i + 1) / tiles;
      if (laid_out) {
        tile.left = laid_out + i * left_step() * tile.inner;
        tile.left_stride = left_step();
      } else {
        tile.left = a_.data + (a_.order == layout::plain ? (first + row) * a_.stride + k : k * a_.stride + first + row);
        tile.left_stride = a_.stride;
      }
      kernels[next - row - 1](tile);
      if (extras_.finish && k + tile.inner == k_)
        extras_.finish(tile.result, tile.result_stride, next - row, tile.columns);
      tile.result += (next - row) * tile.result_stride;
      row = next;
    }
  }

  const matrix_kernels<T>& kernels_;
  isize m_, n_, k_;
  T alpha_, beta_;
  matrix<const T> a_, b_;
  matrix<T> c_;
  product_extras<T> extras_;
};

#if defined(MULTIFUSE_COMPILED_KERNELS)  // elsewhere: see compiled_kernels.hpp
extern template class matrix_product<float>;
extern template class matrix_product<double>;
#endif

}  // namespace multifuse::detail
