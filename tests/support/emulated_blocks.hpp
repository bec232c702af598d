#pragma once
#include <ucontext.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/backend/cuda/attention.hpp>
#include <type_traits>
#include <vector>

namespace check {

namespace mf = multifuse;
using mf::isize;

/// Runs the threads of a block on the host, each until it has to wait for others, in ascending or descending order:
/// where a wait is missing, one of the orders reads what is not there yet. Shared memory begins as NaN.
class emulated_block {
 public:
  /// What a kernel sees.
  struct view {
    emulated_block* of;
    int number;
    isize index() const { return of->index_; }
    int thread() const { return number; }
    template <class T> T* shared() const { return static_cast<T*>(static_cast<void*>(of->shared_.data())); }
    void sync() const { of->wait(of->all_, int(of->threads_.size())); }
    template <class T> T exchange(T value, int bits) const {
      group& warp = of->warps_[std::size_t(number / 32)];
      auto& slots = of->exchanged_[warp.passed % 2];  // the other half may still be read
      std::memcpy(slots[std::size_t(number)].bytes, &value, sizeof(T));
      of->wait(warp, 32);
      std::memcpy(&value, slots[std::size_t(number ^ bits)].bytes, sizeof(T));
      return value;
    }
  };

  template <class Kernel> static void run(isize blocks, const Kernel& kernel, bool descending) {
    static_assert(std::is_trivially_copyable_v<Kernel> && sizeof(Kernel) <= 4000,
                  "a kernel is an argument of a launch");
    static_assert(Kernel::threads % 32 == 0 && Kernel::threads <= 1024 && Kernel::shared_bytes <= 227 * 1024);
    emulated_block block(Kernel::threads, Kernel::shared_bytes);
    for (block.index_ = 0; block.index_ < blocks; ++block.index_) block.run_threads(kernel, descending);
  }

 private:
  struct group {
    int arrived = 0;
    long passed = 0;  ///< how often all have arrived
  };
  struct thread_state {
    ucontext_t context{};
    std::vector<char> stack = std::vector<char>(64 * 1024);
    bool done = false;
  };
  struct alignas(16) vector_bytes {
    unsigned char bytes[16];
  };

  emulated_block(int threads, std::size_t shared_bytes)
      : threads_(std::size_t(threads)),
        warps_(std::size_t(threads / 32)),
        exchanged_{std::vector<vector_bytes>(std::size_t(threads)), std::vector<vector_bytes>(std::size_t(threads))},
        shared_(shared_bytes / 16) {}

  template <class Kernel> void run_threads(const Kernel& kernel, bool descending) {
    std::memset(static_cast<void*>(shared_.data()), 0xFF, shared_.size() * 16);
    start_ = [this, &kernel](int number) { kernel(view{this, number}); };
    running() = this;
    const int n = int(threads_.size());
    for (int i = 0; i < n; ++i) {
      thread_state& thread = threads_[std::size_t(i)];
      thread.done = false;
      getcontext(&thread.context);
      thread.context.uc_stack.ss_sp = thread.stack.data();
      thread.context.uc_stack.ss_size = thread.stack.size();
      thread.context.uc_link = &scheduler_;
      makecontext(&thread.context, &enter, 0);
    }
    for (int left = n; left > 0;)
      for (int i = 0; i < n; ++i) {
        current_ = descending ? n - 1 - i : i;
        thread_state& thread = threads_[std::size_t(current_)];
        if (thread.done) continue;
        swapcontext(&scheduler_, &thread.context);
        left -= thread.done;
      }
  }
  static void enter() {
    emulated_block& block = *running();
    const int number = block.current_;
    block.start_(number);
    block.threads_[std::size_t(number)].done = true;
  }
  static emulated_block*& running() {
    static emulated_block* block = nullptr;
    return block;
  }
  void wait(group& waiting, int size) {
    const long before = waiting.passed;
    if (++waiting.arrived == size) {
      waiting.arrived = 0;
      ++waiting.passed;
    }
    while (waiting.passed == before) swapcontext(&threads_[std::size_t(current_)].context, &scheduler_);
  }

  std::vector<thread_state> threads_;
  std::vector<group> warps_;
  group all_;
  std::vector<vector_bytes> exchanged_[2], shared_;
  std::function<void(int)> start_;
  ucontext_t scheduler_{};
  isize index_ = 0;
  int current_ = 0;
};

/// The processor with the attention of the CUDA backend, for a device of some multiprocessors.
template <class T> struct emulated_gpu : mf::cpu<T> {
  template <class U> using with_scalar = emulated_gpu<U>;
  inline static bool descending = false;
  inline static isize processors = 4;

  template <class Kernel> static void run_blocks(isize blocks, const Kernel& kernel) {
    emulated_block::run(blocks, kernel, descending);
  }
  static isize multiprocessors() { return processors; }
  static void attention_forward(const mf::attention_arguments<T>& arguments, T* y, T* log_normalizers) {
    mf::detail::fused_attention<emulated_gpu>::forward(arguments, y, log_normalizers);
  }
  static void attention_backward(const mf::attention_arguments<T>& arguments,
                                 const mf::attention_gradients<T>& gradients) {
    mf::detail::fused_attention<emulated_gpu>::backward(arguments, gradients);
  }
};

}  // namespace check
