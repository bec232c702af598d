#pragma once
#include <cmath>

#include "../../core/bf16.hpp"
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

/// The larger of two numbers; NaN is larger than any.
template <class N> MULTIFUSE_HD inline N larger(N a, N b) { return a > b || a != a ? a : b; }
MULTIFUSE_HD inline float larger(float a, float b) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  float result;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
  return result;
#else
  return larger<float>(a, b);
#endif
}

/// Two elements of a row of bf16 in one register, the first in the lower half.
using bf16_pair = std::uint32_t;

#if defined(__CUDACC__)

MULTIFUSE_DEVICE bf16_pair pair_of(float first, float second) {
  bf16_pair both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
  return both;
}
/// 2 to the power of x; the float one has a relative error below 2^-22 and takes denormals for zero.
MULTIFUSE_DEVICE float power_of_two(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}
MULTIFUSE_DEVICE double power_of_two(double x) { return exp2(x); }

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

  // Tensor cores (compute capability 8.0), all threads of a warp together. A thread stands at row lane / 4 of matrices
  // of 8 x 8, and has elements 2 (lane % 4) and the one after it.

  /// Four matrices of 8 x 8 in shared memory: lane l says where row l % 8 of matrix l / 8 begins, at the address of a
  /// vector.
  MULTIFUSE_DEVICE void load_matrices(const bf16* row, bf16_pair (&to)[4]) const {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row))
                 : "memory");
  }
  /// The same, each matrix transposed.
  MULTIFUSE_DEVICE void load_transposed_matrices(const bf16* row, bf16_pair (&to)[4]) const {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row))
                 : "memory");
  }
  /// c[16, 8] += a[16, 16] b[16, 8] (PTX: mma.m16n8k16). `a`: upper left, lower left, upper right and lower right
  /// matrix; `upper` and `lower`: those of b, transposed; `c`: of the thread's row, and of the one 8 below.
  MULTIFUSE_DEVICE void multiply_add(const bf16_pair (&a)[4], bf16_pair upper, bf16_pair lower, float& c0, float& c1,
                                     float& c2, float& c3) const {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c0), "+f"(c1), "+f"(c2), "+f"(c3)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(upper), "r"(lower));
  }

  /// Begins to copy a vector into shared memory, or zeros if it does not exist. It has arrived for this thread after
  /// `wait_for_copies`, for the others after the next `sync`.
  template <class T> MULTIFUSE_DEVICE void begin_copy(T* to, const T* from, bool exists) const {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
                 "r"(exists ? 16 : 0)
                 : "memory");
  }
  MULTIFUSE_DEVICE void wait_for_copies() const { asm volatile("cp.async.wait_all;" ::: "memory"); }

 private:
  MULTIFUSE_DEVICE static unsigned shared_address(const void* address) {
    return unsigned(__cvta_generic_to_shared(address));
  }
};

template <class Kernel> __global__ void __launch_bounds__(Kernel::threads) block_kernel(const Kernel kernel) {
  kernel(device_block{});
}

#else

MULTIFUSE_DEVICE bf16_pair pair_of(float first, float second) {
  return bf16_pair(bf16(first).bits) | bf16_pair(bf16(second).bits) << 16;
}
template <class T> MULTIFUSE_DEVICE T power_of_two(T x) { return std::exp2(x); }

#endif

}  // namespace multifuse::detail
