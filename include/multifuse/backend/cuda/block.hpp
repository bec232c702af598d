#pragma once
#include "../../core/short_vector.hpp"

/// What kernels whose threads work together are written with. A kernel is a small copyable struct whose call operator
/// takes a block: its place in the grid and of the thread in it, memory that the threads share, and ways to wait for
/// each other. A CUDA compiler makes that a block of a GPU; any other compiler can run the same kernels on a stand-in.
#if defined(__CUDACC__)
#define MULTIFUSE_DEVICE __device__ __forceinline__
#else
#define MULTIFUSE_DEVICE inline
#endif

namespace multifuse::detail {

#if defined(__CUDACC__)

/// A block of a GPU.
struct device_block {
  MULTIFUSE_DEVICE isize index() const { return blockIdx.x; }
  MULTIFUSE_DEVICE int thread() const { return int(threadIdx.x); }
  /// The shared memory of the block, as many bytes as the launch asked for.
  template <class T> MULTIFUSE_DEVICE T* shared() const {
    extern __shared__ __align__(16) unsigned char bytes[];
    return reinterpret_cast<T*>(bytes);
  }
  /// Waits for all threads of the block.
  MULTIFUSE_DEVICE void sync() const { __syncthreads(); }
  /// The value of the thread whose number in the warp differs in these bits.
  template <class T> MULTIFUSE_DEVICE T exchange(T value, int bits) const {
    return __shfl_xor_sync(0xFFFFFFFFu, value, bits);
  }
};

template <class Kernel> __global__ void __launch_bounds__(Kernel::threads) block_kernel(const Kernel kernel) {
  kernel(device_block{});
}

#endif

}  // namespace multifuse::detail
