#pragma once
#include "launch.hpp"

namespace multifuse::detail {

/// y[i] = total + beta y[i], without reading y when beta is 0.
template <class R, class C> __device__ void store_sum(R* y, isize i, C total, C beta) {
  y[i] = beta == C(0) ? total : total + beta * y[i];
}

/// Sums the rows of x[results, reduced], a block for each; see grid_for_row_sum. The order of additions depends on the
/// sizes alone.
template <class T, class R>
__global__ void __launch_bounds__(threads_of_block)
    sum_rows_kernel(isize results, isize reduced, const T* x, compute_type<T> beta, R* y) {
  __shared__ compute_type<T> partial[threads_of_block];
  const unsigned lane = threadIdx.x;
  for (isize result = blockIdx.x; result < results; result += gridDim.x) {
    partial[lane] = strided_sum(x + result * reduced, reduced, 1, lane, blockDim.x);
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
      if (lane < half) partial[lane] += partial[lane + half];
      __syncthreads();
    }
    if (lane == 0) store_sum(y, result, partial[0], beta);
    __syncthreads();
  }
}

/// Sums the middle axis of x[outer, reduced, inner]; see grid_for_sum. Neighboring threads read neighboring elements.
template <class T, class R>
__global__ void __launch_bounds__(1024)
    sum_middle_kernel(isize outer, isize reduced, isize inner, const T* x, compute_type<T> beta, R* y) {
  __shared__ compute_type<T> partial[1024];
  const isize results = outer * inner;
  const unsigned slot = threadIdx.y * blockDim.x + threadIdx.x;
  for (isize first = isize(blockIdx.x) * blockDim.x; first < results; first += isize(gridDim.x) * blockDim.x) {
    const isize result = first + threadIdx.x;
    if (result < results) {
      const T* const from = x + result / inner * reduced * inner + result % inner;
      partial[slot] = strided_sum(from, reduced, inner, threadIdx.y, blockDim.y);
    }
    __syncthreads();
    for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
      if (threadIdx.y < half && result < results) partial[slot] += partial[slot + half * blockDim.x];
      __syncthreads();
    }
    if (threadIdx.y == 0 && result < results) store_sum(y, result, partial[slot], beta);
    __syncthreads();
  }
}

}  // namespace multifuse::detail
