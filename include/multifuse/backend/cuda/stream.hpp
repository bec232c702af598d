#pragma once
#include <atomic>
#include <deque>
#include <utility>

#include "../../core/types.hpp"
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

/// True if independent work is given to streams of its own.
inline std::atomic<bool>& concurrency_switch() {
  static std::atomic<bool> allowed{false};
  return allowed;
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

/// Lets the streams of a fusion model be computed at the same time where a stage computes them without one another, in
/// forward and backward passes: worth it where one alone does not fill the device, most of all in captured passes. Off at
/// first. Values are the same bits; gradients of what several streams read are added up in another order. Memory that one
/// stream gives back goes to the others only at the end of a layer. Not to be allowed while other threads compute on the
/// device.
inline void allow_concurrent_streams(bool allowed) {
  detail::concurrency_switch().store(allowed, std::memory_order_relaxed);
}

namespace detail {
/// The queues of `concurrent_branches`.
struct cuda_queues {
  static bool at_once() { return concurrency_switch().load(std::memory_order_relaxed); }
  static cudaStream_t current() { return current_stream(); }
  static void make_current(cudaStream_t stream) { library_stream().store(stream, std::memory_order_release); }
  static cudaStream_t beside(isize n) {
    static auto* const streams = new std::deque<cuda_stream>;  // live as long as the process
    while (isize(streams->size()) <= n) streams->emplace_back();
    return (*streams)[std::size_t(n)].handle();
  }
  static void order(cudaStream_t from, cudaStream_t to) { check_cuda(order_streams(from, to), "cudaStreamWaitEvent"); }
  static void join(cudaStream_t from, cudaStream_t to) noexcept {
    // a device that fails here fails again, with an exception, at the next call
    if (order_streams(from, to) != cudaSuccess) (void)cudaStreamSynchronize(from);
  }
};
}  // namespace detail

/// Makes a stream current while it lives; each side of the change waits for what was given to the device before it.
/// Not to be used while other threads compute.
class cuda_stream_guard {
 public:
  /// Throws cuda_error; then nothing has changed.
  explicit cuda_stream_guard(const cuda_stream& stream) : inside_(stream.handle()), outside_(current_stream()) {
    detail::cuda_queues::order(outside_, inside_);
    detail::cuda_queues::make_current(inside_);
  }
  cuda_stream_guard(const cuda_stream_guard&) = delete;
  cuda_stream_guard& operator=(const cuda_stream_guard&) = delete;
  ~cuda_stream_guard() {
    detail::cuda_queues::join(inside_, outside_);
    detail::cuda_queues::make_current(outside_);
  }

 private:
  cudaStream_t inside_, outside_;
};

}  // namespace multifuse
