#pragma once
#include <type_traits>

#include "../../tensor/gathered_product.hpp"
#include "../../tensor/memory_pool.hpp"
#include "gathered_tiles.hpp"

/// Products of factors that are read where they are (`gathered_product`), on a device `D` that runs kernels of blocks, see
/// attention.hpp. An unfolded input of a convolution would be written to memory, and read again, several times as long as
/// the input is; here it exists in shared memory only, slab by slab.
namespace multifuse::detail {

/// The tile for a product: as wide and as high as its type says that it needs.
template <class P> struct gathered_tile_of {
  using T = typename P::scalar;
  static constexpr int rows = P::most_rows > 64 ? 128 : 64;
  static constexpr int columns = P::columns > 64 ? 128 : P::columns > 32 ? 64 : 32;
  using type = std::conditional_t<std::is_same_v<T, bf16>,
                                  gathered_tensor_core_tile<rows, columns, typename P::left, typename P::right>,
                                  gathered_scalar_tile<T, rows, columns, typename P::left, typename P::right>>;
};

/// How a product is divided over blocks: tiles of results, and stretches of the depth where there are too few of them.
struct gathered_plan {
  int row_tiles, column_tiles, stretches;
  isize blocks(int parts) const { return isize(stretches) * parts * row_tiles * column_tiles; }
};

/// The depth is divided until the device has two blocks for each multiprocessor, but no further than into stretches of
/// four slabs: each leaves results of its own.
template <gathered_product P> gathered_plan plan_gathered_product(const P& product, isize multiprocessors) {
  using tile = gathered_tile_of<P>;
  const auto tiles = [](isize extent, isize of_tile) { return int(quotient_up(extent, of_tile)); };
  gathered_plan plan{tiles(product.rows, tile::rows), tiles(P::columns, tile::columns), 1};
  int depth = 0;
  for (int part = 0; part < product.parts; ++part)
    depth = product.depth_of(part) > depth ? product.depth_of(part) : depth;
  const isize most = tiles(depth, 4 * tile::type::shape::depth);
  const isize wanted = 2 * multiprocessors / plan.blocks(product.parts);
  if (wanted > 1) plan.stretches = int(smaller(wanted, most > 1 ? most : 1));
  return plan;
}

/// Finishes a result and stores it.
template <class P, class N>
MULTIFUSE_HD void store_gathered(const P& product, const typename P::scalar* bias, typename P::scalar* row, int column,
                                 N sum) {
  if (bias) sum += bias[column];
  if (product.accumulate) sum += row[column];
  row[column] = sum;
}

template <gathered_product P> struct gathered_product_kernel {
  using T = typename P::scalar;
  using tile = typename gathered_tile_of<P>::type;
  using number = typename tile::number;
  static constexpr int threads = tile::shape::threads, left_elements = tile::left_slab::elements;
  static constexpr int buffer = left_elements + tile::right_slab::elements;  // one is filled while one is multiplied
  static constexpr std::size_t shared_bytes = 2 * std::size_t(buffer) * sizeof(T);
  P product;
  gathered_plan plan;
  number* partial;  ///< [stretches, parts, rows, columns], or null if there is one stretch

  template <class Block> MULTIFUSE_DEVICE void operator()(const Block& block) const {
    constexpr int depth = tile::shape::depth;
    // tiles of the same rows are neighbors: what they read is still near
    unsigned index = unsigned(block.index());
    const int first_column = next_of(index, plan.column_tiles) * tile::shape::columns;
    const int first_row = next_of(index, plan.row_tiles) * tile::shape::rows;
    const int part = next_of(index, product.parts), stretch = int(index);

    const int whole = product.depth_of(part);
    const sum_part slabs = part_of_sum((whole + depth - 1) / depth, plan.stretches, stretch);
    const int begin = int(slabs.first) * depth, end = int(smaller(whole, (slabs.first + slabs.count) * depth));
    typename tile::left_slab left(product.left_of(part), block.thread(), first_row, product.rows, begin);
    typename tile::right_slab right(product.right_of(part), block.thread(), first_column, P::columns, begin);
    T* filled = block.template shared<T>();
    T* free = filled + buffer;
    const auto fill_free = [&](int first) {
      left.begin_copy(block, free, first, end);
      right.begin_copy(block, free + left_elements, first, end);
    };

    const tile mine(block.thread());
    number sums[tile::R][tile::C] = {};
    if (begin < end) fill_free(begin);
    for (int first = begin; first < end; first += depth) {
      T* const before = filled;
      filled = free, free = before;
      block.wait_for_copies();
      block.sync();  // all have arrived, and the slabs before have been read
      if (first + depth < end) fill_free(first + depth);
      mine.add_products(block, filled, filled + left_elements, end - first < depth ? end - first : depth, sums);
    }
    store(mine, part, stretch, first_row, first_column, sums);
  }

 private:
  MULTIFUSE_DEVICE static int next_of(unsigned& index, int count) {
    const unsigned all = index;
    index /= unsigned(count);
    return int(all - index * unsigned(count));
  }

  MULTIFUSE_DEVICE void store(const tile& mine, int part, int stretch, int first_row, int first_column,
                              const number (&sums)[tile::R][tile::C]) const {
    constexpr int together = tile::neighbors == 2 && P::in_pairs ? 2 : 1;
    const T* const bias = product.bias_of(part);
    MULTIFUSE_UNROLL
    for (int i = 0; i < tile::R; ++i) {
      const int row = first_row + mine.row(i);
      if (row >= product.rows) continue;
      T* const results = product.row_of(part, row);
      if (!results) continue;
      number* const sums_of_row =
          partial ? partial + ((isize(stretch) * product.parts + part) * product.rows + row) * P::columns : nullptr;
      MULTIFUSE_UNROLL
      for (int j = 0; j < tile::C; j += together) {
        const int column = first_column + mine.column(j);
        if (column >= P::columns) continue;
        if (partial) {
          MULTIFUSE_UNROLL
          for (int c = 0; c < together; ++c) sums_of_row[column + c] = sums[i][j + c];
        } else {
          store_together<together>(bias, results + column, column, sums[i] + j);
        }
      }
    }
  }
  template <int Together>
  MULTIFUSE_DEVICE void store_together(const T* bias, T* to, int column, const number* sums) const {
    using vector = short_vector<T, Together>;
    vector stored{};
    if (product.accumulate) stored = *reinterpret_cast<const vector*>(to);
    MULTIFUSE_UNROLL
    for (int c = 0; c < Together; ++c) store_gathered(product, bias ? bias + column : bias, stored.at, c, sums[c]);
    *reinterpret_cast<vector*>(to) = stored;
  }
};

/// Adds up the stretches of the depth, in their order.
template <gathered_product P> struct gathered_stretches_kernel {
  using number = compute_type<typename P::scalar>;
  P product;
  const number* partial;
  int stretches;

  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const int part = int(row / product.rows);
    typename P::scalar* const results = product.row_of(part, int(row % product.rows));
    if (!results) return;
    number sum = 0;
    for (int i = 0; i < stretches; ++i)
      sum += partial[(isize(i) * product.parts * product.rows + row) * P::columns + column];
    store_gathered(product, product.bias_of(part), results, int(column), sum);
  }
};

template <class D, gathered_product P> void multiply_gathered_on_device(const P& product) {
  using number = compute_type<typename P::scalar>;
  const gathered_plan plan = plan_gathered_product(product, D::multiprocessors());
  const isize rows = isize(product.parts) * product.rows;
  storage<typename D::memory> memory;
  if (plan.stretches > 1)
    memory = storage<typename D::memory>(std::size_t(plan.stretches * rows * P::columns) * sizeof(number));
  number* const partial = static_cast<number*>(memory.address());
  D::run_blocks(plan.blocks(product.parts), gathered_product_kernel<P>{product, plan, partial});
  if (partial) D::for_each(rows, P::columns, gathered_stretches_kernel<P>{product, partial, plan.stretches});
}

}  // namespace multifuse::detail
