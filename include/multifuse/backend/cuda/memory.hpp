#pragma once
#include <cstddef>

#include "../../tensor/memory_pool.hpp"
#include "stream.hpp"

namespace multifuse {

/// Device memory, taken and returned in the order of the work on the current stream. The pool stands on top of it.
struct cuda_memory {
  /// Throws cuda_error: no device, out of memory. While a pass is recorded the memory must not become part of it: then
  /// it comes at once, from another stream.
  static void* allocate(std::size_t bytes) {
    detail::enter_cuda_device();
    const bool recording = detail::recording_switch().load(std::memory_order_acquire);
    const cudaStream_t stream = recording ? stream_beside().handle() : current_stream();
    void* address = nullptr;
    detail::check_cuda(cudaMallocAsync(&address, bytes, stream), "cudaMallocAsync", std::to_string(bytes) + " bytes");
    if (recording) detail::check_cuda(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    return address;
  }
  /// While a pass is recorded, what is released was last used before: `cuda_graph::record` has waited for that.
  static void release(void* address) noexcept {
    const bool recording = detail::recording_switch().load(std::memory_order_acquire);
    if ((recording ? cudaFree(address) : cudaFreeAsync(address, current_stream())) != cudaSuccess)
      (void)cudaGetLastError();
  }

 private:
  static cuda_stream& stream_beside() {
    static cuda_stream* const stream = new cuda_stream;
    return *stream;
  }
};

}  // namespace multifuse
