#pragma once
#include <algorithm>
#include <memory>
#include <new>

#include "kernels.hpp"
#include "product_in_parts.hpp"

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

template <class T> class matrix_product : public product_in_parts<matrix_product<T>, T, T> {
 public:
  matrix_product(isize m, isize n, isize k, T alpha, matrix<const T> a, matrix<const T> b, T beta, matrix<T> c,
                 product_extras<T> extras = {})
      : in_parts(m, n, k, alpha, a, b, beta, c, extras), kernels_(matrix_kernels_in_use<T>()) {}

  /// The right matrix as kernels read it: panels of as many columns as a tile has, row by row.
  static void pack(T* to, isize n, isize k, matrix<const T> b);
  static isize packed_size(isize n, isize k) {
    const isize width = matrix_kernels_in_use<T>().columns;
    return (n + width - 1) / width * width * k;
  }
  static isize packing() { return matrix_kernels_in_use<T>().columns; }

 private:
  using in_parts = product_in_parts<matrix_product, T, T>;
  friend in_parts;
  using in_parts::m_, in_parts::n_, in_parts::k_, in_parts::alpha_, in_parts::beta_, in_parts::a_, in_parts::b_,
      in_parts::c_, in_parts::extras_, in_parts::stride_aliases, in_parts::tile_count, in_parts::for_each_tile;
  static constexpr isize inner_per_row = 25;   // with more of it, laying out the right matrix costs more than it saves
  static constexpr isize inner_at_once = 1024;  // a panel of the right matrix streams from the second-level cache
  static constexpr isize elements_of_block = 160 * 1024;  // of the left matrix, which stay in the second-level one

  isize row_grain() const { return kernels_.rows; }
  isize column_grain() const { return kernels_.columns; }
  static isize packed_inner(isize k) { return k; }
  void multiply_as_part_of(const matrix_product& whole) const;

  void multiply_rows_in_place() const {
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
    const bool few_rows = m_ <= kernels_.few_rows && a_.order == layout::plain;
    const bool lay_out_left = a_.order == layout::plain && !few_rows && stride_aliases(a_.stride);
    T* const panel = product_workspace<T>::of_this_thread().room(
        inner * width + (lay_out_left ? (std::min(m_, rows_at_once) + height) * left_step() / height * inner : 0));
    T* const left = panel + inner * width;
    for (isize i = 0; i < m_; i += rows_at_once) {
      const isize rows = std::min(rows_at_once, m_ - i);
      for (isize k = 0; k < k_ || k == 0; k += inner) {
        const isize depth = std::min(inner, k_ - k);
        if (lay_out_left) lay_out_rows(left, i, rows, k, depth);
        for (isize j = 0, panels; j < n_; j += panels * width) {
          matrix_tile<T> tile{depth,     nullptr,
                              0,         nullptr,
                              width,     c_.data + i * c_.stride + j,
                              c_.stride, std::min(width, n_ - j),
                              alpha_,    k == 0 ? beta_ : T(1),
                              k == 0 && extras_.bias ? extras_.bias + j : nullptr};
          lay_out_columns(tile, panel, k, j, rows);
          panels = few_rows && tile.panel > 0 && n_ - j >= kernels_.panels * width ? kernels_.panels : 1;
          multiply_rows(tile, lay_out_left ? left : nullptr, panels, i, rows, k);
        }
      }
    }
  }

  /// Distance between columns of rows that are laid out.
  isize left_step() const { return (kernels_.rows + kernels_.lanes - 1) / kernels_.lanes * kernels_.lanes; }

  void lay_out_rows(T* to, isize first, isize rows, isize k, isize depth) const {
    for_each_tile(rows, [&](isize tile, isize row, isize height) {
      kernels_.transpose(to + tile * left_step() * depth, left_step(), a_.data + (first + row) * a_.stride + k, a_.stride,
                         height, depth);
    });
  }

  void lay_out_columns(matrix_tile<T>& tile, T* panel, isize k, isize j, isize rows) const {
    tile.right = panel;
    if (extras_.packed) {
      tile.right = extras_.packed + j * k_ + k * kernels_.columns;
      tile.panel = k_ * kernels_.columns;
      return;
    }
    if (b_.order == layout::transposed) {
      kernels_.transpose(panel, kernels_.columns, b_.data + j * b_.stride + k, b_.stride, tile.columns, tile.inner);
      return;
    }
    const T* const from = b_.data + k * b_.stride + j;  // in place, where too few rows make a copy worth its time
    if (tile.columns == kernels_.columns && rows <= (stride_aliases(b_.stride) ? 2 : 8) * kernels_.rows) {
      tile.right = from;
      tile.right_stride = b_.stride;
      tile.panel = kernels_.columns;
      return;
    }
    if (kernels_.columns > tile.columns) std::fill_n(panel, tile.inner * kernels_.columns, T(0));
    kernels_.copy(panel, kernels_.columns, from, b_.stride, tile.inner, tile.columns);
  }

  void multiply_rows(matrix_tile<T> tile, const T* laid_out, isize panels, isize first, isize rows, isize k) const {
    const bool by_columns = laid_out || a_.order == layout::transposed;
    const auto* const kernels = panels > 1   ? kernels_.several_panels
                                : by_columns ? kernels_.by_columns
                                             : kernels_.by_rows;
    // the last tiles of a packed panel fetch the next one, which the processor would not foresee
    constexpr isize step = cache_line / isize(sizeof(T));
    const isize fetching = std::max<isize>(1, kernels_.columns / step),
                first_fetching = std::max<isize>(0, tile_count(rows) - fetching);
    for_each_tile(rows, [&](isize i, isize row, isize height) {
      tile.soon = tile.right;
      if (extras_.packed && i >= first_fetching) tile.soon += tile.panel + (i - first_fetching) * tile.inner * step;
      if (laid_out) {
        tile.left = laid_out + i * left_step() * tile.inner;
        tile.left_stride = left_step();
      } else {
        tile.left = a_.data + (a_.order == layout::plain ? (first + row) * a_.stride + k : k * a_.stride + first + row);
        tile.left_stride = a_.stride;
      }
      kernels[height - 1](tile);
      if (extras_.finish && k + tile.inner == k_)
        extras_.finish(tile.result, tile.result_stride, height, panels * tile.columns);
      tile.result += height * tile.result_stride;
    });
  }

  const matrix_kernels<T>& kernels_;
};

// Outside of the class: a compiler that optimizes would instantiate what is defined inside although it is declared `extern`.
template <class T> void matrix_product<T>::pack(T* to, isize n, isize k, matrix<const T> b) {
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

template <class T> void matrix_product<T>::multiply_as_part_of(const matrix_product& whole) const {
  const bool rows_in_place = !extras_.packed && a_.order == layout::plain && b_.order == layout::transposed &&
                             whole.m_ * inner_per_row < k_;
  rows_in_place ? multiply_rows_in_place() : multiply_blocks();
}

#if defined(MULTIFUSE_COMPILED_KERNELS)  // elsewhere: see compiled_kernels.hpp
extern template class matrix_product<float>;
extern template class matrix_product<double>;
#endif

}  // namespace multifuse::detail
