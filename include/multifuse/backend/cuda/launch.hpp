#pragma once
#include "../../core/bf16.hpp"

/// How work is laid out over the threads of a device. Plain arithmetic without CUDA, so that it is tested without a GPU.
namespace multifuse::detail {

/// Threads of a block and blocks of a grid; x runs along columns, y along rows.
struct launch_grid {
  unsigned block_x, block_y, grid_x, grid_y;
  friend constexpr bool operator==(const launch_grid&, const launch_grid&) = default;
};

inline constexpr isize threads_of_block = 256;
inline constexpr isize longest_grid_x = 1 << 20;
inline constexpr isize longest_grid_y = 65535;

MULTIFUSE_HD constexpr isize smaller(isize a, isize b) { return a < b ? a : b; }
constexpr isize quotient_up(isize a, isize b) { return a / b + (a % b != 0); }

/// The smallest power of two that is at least n, but no more than `most` (a power of two).
constexpr isize power_of_two_for(isize n, isize most) {
  isize power = 1;
  while (power < n && power < most) power *= 2;
  return power;
}

/// The grid for rows x columns elements (both at least 1). Narrow rows share a block; little work is spread over small
/// blocks, so that it reaches all multiprocessors. What exceeds the grid is left to the loops of `visit_elements`.
constexpr launch_grid grid_for(isize rows, isize columns) {
  const isize few = isize(1) << 17;
  const isize total = rows < few && columns < few ? rows * columns : few;
  isize threads = threads_of_block;
  while (threads > 32 && threads * 512 > total) threads /= 2;
  const isize block_x = power_of_two_for(columns, threads);
  const isize block_y = threads / block_x;
  return {unsigned(block_x), unsigned(block_y), unsigned(smaller(quotient_up(columns, block_x), longest_grid_x)),
          unsigned(smaller(quotient_up(rows, block_y), longest_grid_y))};
}

/// Where a thread starts and how far it is to its next element.
struct thread_place {
  isize row, column, row_step, column_step;
};

/// Calls `kernel(row, column)` for the elements that belong to one thread of the grid.
template <class Kernel>
MULTIFUSE_HD void visit_elements(const thread_place& at, isize rows, isize columns, const Kernel& kernel) {
  for (isize row = at.row; row < rows; row += at.row_step)
    for (isize column = at.column; column < columns; column += at.column_step) kernel(row, column);
}

/// True if a kernel is to be called for `Kernel::at_once` neighboring columns at a time (see `backend`).
template <class Kernel> bool computes_vectors(isize columns, const Kernel& kernel) {
  if constexpr (requires { Kernel::at_once; })
    return columns % Kernel::at_once == 0 && kernel.holds_vectors();
  else
    return false;
}

/// A kernel as one over the vectors of each row.
template <class Kernel> struct vector_kernel {
  Kernel kernel;
  MULTIFUSE_HD void operator()(isize row, isize vector) const { kernel.compute_vector(row, vector * Kernel::at_once); }
};

/// The grid for a sum over the middle of [outer, reduced, inner] with inner > 1: x runs along the results, y along the
/// reduced axis, whose `block_y` partial sums meet in shared memory.
constexpr launch_grid grid_for_sum(isize results, isize reduced) {
  const isize lanes = power_of_two_for(reduced, 32);
  const isize block_x = lanes < 8 ? threads_of_block / lanes : 32;
  return {unsigned(block_x), unsigned(lanes), unsigned(smaller(quotient_up(results, block_x), longest_grid_x)), 1};
}

/// The grid for a sum over the last axis of [results, reduced]: one block for each result.
constexpr launch_grid grid_for_row_sum(isize results, isize reduced) {
  const isize lanes = power_of_two_for(reduced, threads_of_block);
  return {unsigned(lanes < 32 ? 32 : lanes), 1, unsigned(smaller(results, longest_grid_x)), 1};
}

/// A run of the elements of a reduced axis.
struct sum_part {
  isize first, count;
};

/// Into how many parts the sums of [outer, reduced, inner] are divided, each for blocks of its own, where there are too
/// few sums to fill a device. The answer depends on the sizes alone: so do the bits of a sum, on any device.
constexpr isize parts_of_sum(isize results, isize reduced, isize inner) {
  const isize blocks = inner == 1 ? results : quotient_up(results, grid_for_sum(results, reduced).block_x);
  const isize enough = inner == 1 ? 1024 : 256, shortest = inner == 1 ? 4096 : 256;
  if (blocks > enough / 2 || reduced < 4 * shortest) return 1;  // a second pass would cost more
  return smaller(enough / blocks, reduced / shortest);
}

/// Part `part` of `parts` of a reduced axis; none is empty if there are not more parts than elements.
MULTIFUSE_HD constexpr sum_part part_of_sum(isize reduced, isize parts, isize part) {
  const isize shorter = reduced / parts, longer_ones = reduced % parts;
  return {part * shorter + (part < longer_ones ? part : longer_ones), shorter + (part < longer_ones)};
}

/// The sum of x[r * stride] over r = lane, lane + lanes ... below `reduced`.
template <class T>
MULTIFUSE_HD compute_type<T> strided_sum(const T* x, isize reduced, isize stride, isize lane, isize lanes) {
  compute_type<T> total = 0;
  for (isize r = lane; r < reduced; r += lanes) total += x[r * stride];
  return total;
}

}  // namespace multifuse::detail
