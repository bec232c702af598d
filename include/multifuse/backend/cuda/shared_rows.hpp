#pragma once
#include "../../tensor/row_reductions.hpp"
#include "block.hpp"
#include "launch.hpp"

/// Kernels that compute whole rows, with a warp for each row: neighboring threads read neighboring elements.
namespace multifuse::detail {

/// The threads of a warp at one row; see `one_worker`.
template <class Block> struct warp_workers {
  const Block& block;
  int lane;

  template <class F> MULTIFUSE_HD void each(isize n, const F& f) const {
    for (isize i = lane; i < n; i += 32) f(i);
  }
  template <class T, class Term> MULTIFUSE_HD T sum(isize n, const Term& term) const {
    T total = 0;
    for (isize i = lane; i < n; i += 32) total += term(i);
    for (int bits = 16; bits > 0; bits /= 2) total += exchange(total, bits);
    return total;
  }
  template <class T> MULTIFUSE_HD compute_type<T> largest(const T* x, isize n) const {
    using C = compute_type<T>;
    C most = x[0];
    for (isize i = lane; i < n; i += 32) most = C(x[i]) > most ? C(x[i]) : most;
    for (int bits = 16; bits > 0; bits /= 2) {
      const C other = exchange(most, bits);
      most = other > most ? other : most;
    }
    return most;
  }
  MULTIFUSE_HD bool first() const { return lane == 0; }

 private:
  // For the host a CUDA compiler compiles kernels too, but has no warps there.
  template <class T> MULTIFUSE_HD T exchange(T value, [[maybe_unused]] int bits) const {
#if !defined(__CUDACC__) || defined(__CUDA_ARCH__)
    return block.exchange(value, bits);
#else
    return value;
#endif
  }
};

/// True for kernels whose rows can be shared by several threads.
template <class Kernel>
concept shares_rows = requires(const Kernel& kernel) { kernel.compute(isize(), one_worker()); };

template <class Kernel> struct shared_rows_kernel {
  static constexpr int threads = int(threads_of_block);
  static constexpr std::size_t shared_bytes = 0;
  static constexpr isize rows_at_once = threads / 32;
  static constexpr isize most_blocks = 1 << 16;
  isize rows, blocks;
  Kernel kernel;

  shared_rows_kernel(isize count, const Kernel& of_row)
      : rows(count), blocks(smaller(quotient_up(count, rows_at_once), most_blocks)), kernel(of_row) {}
  template <class Block> MULTIFUSE_DEVICE void operator()(const Block& block) const {
    for (isize row = block.index() * rows_at_once + block.thread() / 32; row < rows; row += blocks * rows_at_once)
      kernel.compute(row, warp_workers<Block>{block, block.thread() % 32});
  }
};

}  // namespace multifuse::detail
