#pragma once
#include <ucontext.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/backend/cuda/attention.hpp>
#include <multifuse/backend/cuda/gathered_product.hpp>
#include <type_traits>
#include <vector>

namespace check {

namespace mf = multifuse;
using mf::isize;

/// Runs the threads of a block on the host, each until it has to wait for others, and each warp until it has to wait
/// for other warps, in ascending or descending order: where a wait is missing, one of the orders reads what is not yet
/// there, or no longer. Shared memory begins as NaN.
class emulated_block {
  struct alignas(16) vector_bytes {
    unsigned char bytes[32];
  };
  struct copy {
    void* to;
    const void* from;  ///< null: zeros
  };
  static void require(bool met, const char* otherwise) {
    if (met) return;
    std::fprintf(stderr, "emulated block: %s\n", otherwise);
    std::abort();  // an exception does not leave the stack of a thread
  }

 public:
  /// What a kernel sees.
  struct view {
    emulated_block* of;
    int number;
    isize index() const { return of->index_; }
    int thread() const { return number; }
    template <class T> T* shared() const { return static_cast<T*>(static_cast<void*>(of->shared_.data())); }
    void sync() const { of->wait(of->all_, int(of->threads_.size())); }
    template <class T> T exchange(T value, int bits) const { return of_lane<T>(show(value), number % 32 ^ bits); }

    void load_matrices(const mf::bf16* row, mf::detail::bf16_pair (&to)[4]) const { load(row, to, false); }
    void load_transposed_matrices(const mf::bf16* row, mf::detail::bf16_pair (&to)[4]) const { load(row, to, true); }

    /// Where elements of the fragments of mma.m16n8k16 stand, as PTX ISA 8.5, 9.7.14.5.8, says it.
    void multiply_add(const mf::detail::bf16_pair (&a)[4], mf::detail::bf16_pair upper, mf::detail::bf16_pair lower,
                      float& c0, float& c1, float& c2, float& c3) const {
      struct factors {
        mf::bf16 a[8], b[4];
      } own;
      std::memcpy(own.a, a, sizeof(own.a));
      std::memcpy(own.b, &upper, sizeof(upper)), std::memcpy(own.b + 2, &lower, sizeof(lower));
      const vector_bytes* const shown = show(own);
      const int group = number % 32 / 4, column = number % 4 * 2;  // rows and columns of c that the thread has
      float left[16][16], right[16][8];                            // as much of them as it needs
      for (int in_group = 0; in_group < 4; ++in_group) {
        const factors of_rows = of_lane<factors>(shown, group * 4 + in_group);
        for (int i = 0; i < 8; ++i)
          left[i < 2 || (i >= 4 && i < 6) ? group : group + 8][in_group * 2 + (i & 1) + (i < 4 ? 0 : 8)] = of_rows.a[i];
        for (int group_of_b = column; group_of_b < column + 2; ++group_of_b) {
          const factors of_column = of_lane<factors>(shown, group_of_b * 4 + in_group);
          for (int i = 0; i < 4; ++i) right[in_group * 2 + (i & 1) + (i < 2 ? 0 : 8)][group_of_b] = of_column.b[i];
        }
      }
      float* const c[] = {&c0, &c1, &c2, &c3};
      for (int i = 0; i < 4; ++i)
        for (int k = 0; k < 16; ++k) *c[i] += left[i < 2 ? group : group + 8][k] * right[k][column + (i & 1)];
    }

    /// Nothing is there before the wait.
    template <class T> void begin_copy(T* to, const T* from, bool exists) const {
      require(std::uintptr_t(to) % 16 == 0 && std::uintptr_t(from) % 16 == 0, "a vector is not aligned");
      of->threads_[std::size_t(number)].copies.push_back({to, exists ? from : nullptr});
    }
    void wait_for_copies() const {
      auto& copies = of->threads_[std::size_t(number)].copies;
      for (const auto& each : copies)
        if (each.from)
          std::memcpy(each.to, each.from, 16);
        else
          std::memset(each.to, 0, 16);
      copies.clear();
    }

   private:
    /// What all threads of the warp show, until one of them shows something else after the next time.
    template <class T> const vector_bytes* show(const T& value) const {
      static_assert(sizeof(T) <= sizeof(vector_bytes));
      group& warp = of->warps_[std::size_t(number / 32)];
      auto& slots = of->exchanged_[warp.passed % 2];  // the other half may still be read
      std::memcpy(slots[std::size_t(number)].bytes, &value, sizeof(T));
      of->wait(warp, 32);
      return &slots[std::size_t(number / 32 * 32)];
    }
    template <class T> static T of_lane(const vector_bytes* shown, int lane) {
      T value;
      std::memcpy(&value, shown[lane].bytes, sizeof(T));
      return value;
    }
    void load(const mf::bf16* row, mf::detail::bf16_pair (&to)[4], bool transposed) const {
      const auto* const begin = shared<mf::bf16>();
      require(std::uintptr_t(row) % 16 == 0 && row >= begin && row + 8 <= begin + of->shared_bytes_ / 2,
              "a row of a matrix is not aligned or not in shared memory");
      const vector_bytes* const shown = show(row);
      for (int matrix = 0; matrix < 4; ++matrix) {
        mf::bf16 two[2];
        for (int e = 0; e < 2; ++e) {
          const int own = number % 32 / 4, other = number % 4 * 2 + e;
          two[e] = of_lane<const mf::bf16*>(shown, matrix * 8 + (transposed ? other : own))[transposed ? own : other];
        }
        std::memcpy(&to[matrix], two, sizeof(two));
      }
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
    const group* awaited = nullptr;
    long passed_before = 0;  ///< when the thread began to wait
    std::vector<copy> copies{};
  };

  emulated_block(int threads, std::size_t shared_bytes)
      : threads_(std::size_t(threads)),
        warps_(std::size_t(threads / 32)),
        exchanged_{std::vector<vector_bytes>(std::size_t(threads)), std::vector<vector_bytes>(std::size_t(threads))},
        shared_bytes_(shared_bytes),
        shared_((shared_bytes + sizeof(vector_bytes) - 1) / sizeof(vector_bytes)) {}

  template <class Kernel> void run_threads(const Kernel& kernel, bool descending) {
    if (!shared_.empty()) std::memset(static_cast<void*>(shared_.data()), 0xFF, shared_bytes_);
    start_ = [this, &kernel](int number) { kernel(view{this, number}); };
    running() = this;
    const int n = int(threads_.size());
    for (int i = 0; i < n; ++i) {
      thread_state& thread = threads_[std::size_t(i)];
      thread.done = false;
      thread.awaited = nullptr;
      getcontext(&thread.context);
      thread.context.uc_stack.ss_sp = thread.stack.data();
      thread.context.uc_stack.ss_size = thread.stack.size();
      thread.context.uc_link = &scheduler_;
      makecontext(&thread.context, &enter, 0);
    }
    for (int left = n; left > 0;) {
      const long before = progress_;
      for (int warp = 0; warp < n / 32; ++warp) left -= run_warp(descending ? n / 32 - 1 - warp : warp, descending);
      require(progress_ != before, "threads wait for one another for ever");
    }
  }
  /// Runs the threads of a warp until all wait for others; how many have ended.
  int run_warp(int warp, bool descending) {
    int ended = 0;
    for (long before = progress_ - 1; before != progress_;) {
      before = progress_;
      for (int lane = 0; lane < 32; ++lane) {
        current_ = warp * 32 + (descending ? 31 - lane : lane);
        thread_state& thread = threads_[std::size_t(current_)];
        if (thread.done || (thread.awaited && thread.awaited->passed == thread.passed_before)) continue;
        ++progress_;
        swapcontext(&scheduler_, &thread.context);
        ended += thread.done;
      }
    }
    return ended;
  }
  static void enter() {
    emulated_block& block = *running();
    const int number = block.current_;
    block.start_(number);
    require(block.threads_[std::size_t(number)].copies.empty(), "a kernel ends before its copies");
    block.threads_[std::size_t(number)].done = true;
  }
  static emulated_block*& running() {
    static emulated_block* block = nullptr;
    return block;
  }
  void wait(group& waiting, int size) {
    thread_state& thread = threads_[std::size_t(current_)];
    thread.awaited = &waiting;
    thread.passed_before = waiting.passed;
    if (++waiting.arrived == size) {
      waiting.arrived = 0;
      ++waiting.passed;
    } else {
      swapcontext(&thread.context, &scheduler_);
    }
  }

  std::vector<thread_state> threads_;
  std::vector<group> warps_;
  group all_;
  std::vector<vector_bytes> exchanged_[2];
  std::size_t shared_bytes_;
  std::vector<vector_bytes> shared_;
  std::function<void(int)> start_;
  ucontext_t scheduler_{};
  isize index_ = 0;
  int current_ = 0;
  long progress_ = 0;  ///< how often a thread has gone on
};

/// The processor with the attention and the gathered products of the CUDA backend, for a device of some multiprocessors.
template <class T> struct emulated_gpu : mf::cpu<T> {
  template <class U> using with_scalar = emulated_gpu<U>;
  inline static bool descending = false;
  inline static isize processors = 4;
  inline static int gathered_products = 0;  ///< how many it has made

  template <class Kernel> static void run_blocks(isize blocks, const Kernel& kernel) {
    emulated_block::run(blocks, kernel, descending);
  }
  static isize multiprocessors() { return processors; }
  static bool gathers_operands() { return true; }
  static void multiply_gathered(const mf::gathered_product auto& product) {
    ++gathered_products;
    mf::detail::multiply_gathered_on_device<emulated_gpu>(product);
  }
  static void attention_forward(const mf::attention_arguments<T>& arguments, T* y,
                                mf::compute_type<T>* log_normalizers) {
    mf::detail::fused_attention<emulated_gpu>::forward(arguments, y, log_normalizers);
  }
  static void attention_backward(const mf::attention_arguments<T>& arguments,
                                 const mf::attention_gradients<T>& gradients) {
    mf::detail::fused_attention<emulated_gpu>::backward(arguments, gradients);
  }
};

}  // namespace check
