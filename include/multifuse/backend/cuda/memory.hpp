#pragma once
#include <cstddef>

#include "../../tensor/memory_pool.hpp"
#include "stream.hpp"

namespace multifuse {

/// Device memory, taken and returned in the order of the work on the current stream. The pool stands on top of it.
struct cuda_memory {
  /// Throws cuda_error: no device, out of memory.
  static void* allocate(std::size_t bytes) {
    detail::enter_cuda_device();
    void* address = nullptr;
    detail::check_cuda(cudaMallocAsync(&address, bytes, current_stream()), "cudaMallocAsync",
                       std::to_string(bytes) + " bytes");
    return address;
  }
  static void release(void* address) noexcept {
    if (cudaFreeAsync(address, current_stream()) != cudaSuccess) (void)cudaGetLastError();
  }
};

}  // namespace multifuse
