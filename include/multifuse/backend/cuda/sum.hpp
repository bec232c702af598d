#pragma once
#include "launch.hpp"

/// Sums, in an order that depends on the sizes alone, so that they repeat bit by bit. Not those of CUB: cub::DeviceReduce
/// repeats as well, but on one kind of GPU only and for one alignment of the elements; it gives one sum, and what sums
/// rows gives each of them a single block, however few there are; neither adds to a former result without another pass;
/// and its headers cost every source that includes the backend seven seconds of compilation. `benchmarks/cuda` times both.
namespace multifuse::detail {

/// y[i] = total + beta y[i], without reading y when beta is 0.
template <class R, class C> __device__ void store_sum(R* y, isize i, C total, C beta) {
  y[i] = beta == C(0) ? total : total + beta * y[i];
}

/// y[outer, parts] = sums of the parts of each row of x[outer, reduced], a block for each; see grid_for_row_sum.
template <class T, class R>
__global__ void __launch_bounds__(threads_of_block)
    sum_rows_kernel(isize outer, isize parts, isize reduced, const T* x, compute_type<T> beta, R* y) {
  __shared__ compute_type<T> partial[threads_of_block];
  const unsigned lane = threadIdx.x;
  for (isize result = blockIdx.x; result < outer * parts; result += gridDim.x) {
    const sum_part part = part_of_sum(reduced, parts, result % parts);
    partial[lane] = strided_sum(x + result / parts * reduced + part.first, part.count, 1, lane, blockDim.x);
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
      if (lane < half) partial[lane] += partial[lane + half];
      __syncthreads();
    }
    if (lane == 0) store_sum(y, result, partial[0], beta);
    __syncthreads();
  }
}

/// y[outer, parts, inner] = sums of the parts of the middle axis of x[outer, reduced, inner]; see grid_for_sum.
/// Neighboring threads read neighboring elements.
template <class T, class R>
__global__ void __launch_bounds__(1024)
    sum_middle_kernel(isize outer, isize parts, isize reduced, isize inner, const T* x, compute_type<T> beta, R* y) {
  __shared__ compute_type<T> partial[1024];
  const isize results = outer * parts * inner;
  const unsigned slot = threadIdx.y * blockDim.x + threadIdx.x;
  for (isize first = isize(blockIdx.x) * blockDim.x; first < results; first += isize(gridDim.x) * blockDim.x) {
    const isize result = first + threadIdx.x;
    if (result < results) {
      const isize row = result / inner;
      const sum_part part = part_of_sum(reduced, parts, row % parts);
      const T* const from = x + (row / parts * reduced + part.first) * inner + result % inner;
      partial[slot] = strided_sum(from, part.count, inner, threadIdx.y, blockDim.y);
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
