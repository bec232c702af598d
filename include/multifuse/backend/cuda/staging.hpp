#pragma once
#include <cstring>
#include <span>

#include "../../tensor/tensor.hpp"
#include "cuda.hpp"
#include "kept_until.hpp"

/// Copies between host and device during which the host goes on: through page-locked memory, which the device reads and
/// writes by itself.
namespace multifuse {

/// Page-locked host memory. The pool stands on top of it, because locking pages is slow.
struct cuda_host_memory {
  /// Throws cuda_error: no device, out of memory.
  static void* allocate(std::size_t bytes) {
    detail::enter_cuda_device();
    void* address = nullptr;
    detail::check_cuda(cudaMallocHost(&address, bytes), "cudaMallocHost", std::to_string(bytes) + " bytes");
    return address;
  }
  static void release(void* address) noexcept {
    if (cudaFreeHost(address) != cudaSuccess) (void)cudaGetLastError();
  }
};

namespace detail {

/// A place in the work on the current stream. Throws cuda_error.
class cuda_event {
 public:
  cuda_event() {
    check_cuda(cudaEventCreateWithFlags(&handle_, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    const cudaError_t recorded = cudaEventRecord(handle_, current_stream());
    if (recorded != cudaSuccess) (void)cudaEventDestroy(handle_);
    check_cuda(recorded, "cudaEventRecord");
  }
  cuda_event(cuda_event&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  cuda_event& operator=(cuda_event other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~cuda_event() {
    if (handle_) (void)cudaEventDestroy(handle_);
  }

  /// True once the device is past it, also if it failed on the way: the next call that waits says so.
  bool reached() const { return cudaEventQuery(handle_) != cudaErrorNotReady; }
  void wait() const { check_cuda(cudaEventSynchronize(handle_), "cudaEventSynchronize"); }

 private:
  cudaEvent_t handle_ = nullptr;
};

/// Copies `bytes` on the current stream and gives the place after it.
inline cuda_event copy_in_background(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (recording_switch().load(std::memory_order_acquire))
    throw argument_error("copy in the background", "a pass is being recorded", "copies outside of captured passes",
                         "one inside");
  enter_cuda_device();
  check_cuda(cudaMemcpyAsync(to, from, bytes, kind, current_stream()), "cudaMemcpyAsync",
             std::to_string(bytes) + " bytes");
  return cuda_event();
}

/// The host's side of copies that are under way.
inline kept_until<cuda_event, storage<cuda_host_memory>>& in_background() {
  static auto* const all = new kept_until<cuda_event, storage<cuda_host_memory>>;
  return *all;
}

}  // namespace detail

/// The elements in a tensor of the GPU. Returns before they have arrived; they may be changed or freed at once, and
/// work given to the device from now on finds them there. Throws shape_error if their number differs from the shape's,
/// and cuda_error. Example: `auto x = upload(shape, std::span<const float>(batch));`
template <class T, class S> tensor<cuda<T>, S> upload(const S& shape, std::span<const T> elements) {
  if (isize(elements.size()) != shape.size())
    throw shape_error("upload", "wrong number of elements for " + shape.to_string(), std::to_string(shape.size()),
                      std::to_string(elements.size()));
  tensor<cuda<T>, S> x(shape);
  storage<cuda_host_memory> staged(elements.size_bytes());
  std::memcpy(staged.address(), elements.data(), elements.size_bytes());
  auto arrived = detail::copy_in_background(x.data(), staged.address(), elements.size_bytes(), cudaMemcpyHostToDevice);
  detail::in_background().add(std::move(arrived), std::move(staged));
  return x;
}

/// Elements on their way from the GPU.
template <class T> class arriving {
 public:
  arriving(storage<cuda_host_memory> staged, isize count, detail::cuda_event arrived)
      : staged_(std::move(staged)), count_(count), arrived_(std::move(arrived)) {}
  arriving(arriving&&) noexcept = default;
  arriving& operator=(arriving&&) = delete;
  /// Memory to which the device still writes is kept until it no longer does.
  ~arriving() {
    if (staged_ && !arrived_.reached()) detail::in_background().add(std::move(arrived_), std::move(staged_));
  }

  bool ready() const { return arrived_.reached(); }
  /// Waits for them; they live as long as this. Throws cuda_error if the device failed.
  std::span<const T> elements() const {
    arrived_.wait();
    return {static_cast<const T*>(staged_.address()), std::size_t(count_)};
  }

 private:
  storage<cuda_host_memory> staged_;
  isize count_;
  detail::cuda_event arrived_;
};

/// The elements of a tensor as they are after the work given to the device so far. Returns before they have arrived.
/// Example: `auto loss = download(y); prepare_next_batch(); use(loss.elements()[0]);`
template <class T, class S> arriving<T> download(const tensor<cuda<T>, S>& x) {
  detail::require_elements(x);
  const std::size_t bytes = std::size_t(x.size()) * sizeof(T);
  storage<cuda_host_memory> staged(bytes);
  auto arrived = detail::copy_in_background(staged.address(), x.data(), bytes, cudaMemcpyDeviceToHost);
  return {std::move(staged), x.size(), std::move(arrived)};
}

}  // namespace multifuse
