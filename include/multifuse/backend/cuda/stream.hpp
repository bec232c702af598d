#pragma once
#include <atomic>
#include <utility>

#include "device.hpp"

namespace multifuse {

/// A queue of work of its own on the device. Use it through `cuda_stream_guard`. Throws cuda_error.
class cuda_stream {
 public:
  cuda_stream() {
    detail::enter_cuda_device();
    detail::check_cuda(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  }
  cuda_stream(cuda_stream&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  cuda_stream& operator=(cuda_stream other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~cuda_stream() {
    if (handle_) (void)cudaStreamDestroy(handle_);
  }

  cudaStream_t handle() const { return handle_; }

 private:
  cudaStream_t handle_ = nullptr;
};

namespace detail {
inline std::atomic<cudaStream_t>& library_stream() {
  static std::atomic<cudaStream_t> stream{cudaStreamLegacy};
  return stream;
}

/// True while the work on the current stream is recorded as a graph instead of done.
inline std::atomic<bool>& recording_switch() {
  static std::atomic<bool> recording{false};
  return recording;
}

/// What comes later on `to` waits for what is on `from` now.
inline cudaError_t order_streams(cudaStream_t from, cudaStream_t to) {
  cudaEvent_t event = nullptr;
  cudaError_t code = cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  if (code != cudaSuccess) return code;
  code = cudaEventRecord(event, from);
  if (code == cudaSuccess) code = cudaStreamWaitEvent(to, event, 0);
  const cudaError_t destroyed = cudaEventDestroy(event);
  return code != cudaSuccess ? code : destroyed;
}
}  // namespace detail

/// The stream on which the library works, in all threads of the process, so that memory that returns to the pool is
/// reused in the order of the work: CUDA's default stream, unless a guard says otherwise.
inline cudaStream_t current_stream() { return detail::library_stream().load(std::memory_order_acquire); }

/// Waits until the device has done all the work given to it. Throws cuda_error if a kernel failed.
inline void synchronize() {
  detail::enter_cuda_device();
  detail::check_cuda(cudaStreamSynchronize(current_stream()), "cudaStreamSynchronize");
}

/// Makes a stream current while it lives; each side of the change waits for what was given to the device before it.
/// Not to be used while other threads compute.
class cuda_stream_guard {
 public:
  /// Throws cuda_error; then nothing has changed.
  explicit cuda_stream_guard(const cuda_stream& stream) : inside_(stream.handle()), outside_(current_stream()) {
    detail::check_cuda(detail::order_streams(outside_, inside_), "cudaStreamWaitEvent");
    detail::library_stream().store(inside_, std::memory_order_release);
  }
  cuda_stream_guard(const cuda_stream_guard&) = delete;
  cuda_stream_guard& operator=(const cuda_stream_guard&) = delete;
  ~cuda_stream_guard() {
    // a device that fails here fails again, with an exception, at the next call
    if (detail::order_streams(inside_, outside_) != cudaSuccess) (void)cudaStreamSynchronize(inside_);
    detail::library_stream().store(outside_, std::memory_order_release);
  }

 private:
  cudaStream_t inside_, outside_;
};

}  // namespace multifuse
