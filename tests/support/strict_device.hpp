#pragma once
#include <sys/mman.h>

#include <cstring>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/backend/cuda/column_major.hpp>
#include <multifuse/backend/cuda/launch.hpp>
#include <multifuse/tensor/finish_linear.hpp>
#include <string>
#include <type_traits>

namespace check {

namespace mf = multifuse;
using mf::isize;

/// Memory that the host can touch only while a primitive of the device runs; elsewhere a read or write of it ends the
/// program. Handed out full of NaN.
class strict_memory {
 public:
  static void* allocate(std::size_t bytes) {
    static std::size_t used = 0;
    const std::size_t rounded = (bytes + 63) / 64 * 64;
    if (used + rounded > capacity)
      throw mf::device_error("strict memory", "out of memory", std::to_string(bytes) + " bytes",
                             std::to_string(capacity - used));
    char* const address = begin() + used;
    used += rounded;
    const opened access;
    std::memset(address, 0xFF, bytes);
    return address;
  }
  static void release(void*) {}

  /// Access to the memory in a scope.
  class opened {
   public:
    opened() {
      if (depth++ == 0) protect(PROT_READ | PROT_WRITE);
    }
    opened(const opened&) = delete;
    opened& operator=(const opened&) = delete;
    ~opened() {
      if (--depth == 0) protect(PROT_NONE);
    }

   private:
    inline static int depth = 0;
  };

 private:
  static constexpr std::size_t capacity = std::size_t(1) << 28;

  static char* begin() {
    static char* const first = [] {
      void* const mapped = mmap(nullptr, capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (mapped == MAP_FAILED) throw mf::device_error("strict memory", "cannot reserve addresses", "", "");
      return static_cast<char*>(mapped);
    }();
    return first;
  }
  static void protect(int allowed) {
    if (mprotect(begin(), capacity, allowed) != 0) throw mf::device_error("strict memory", "cannot protect", "", "");
  }
};

/// A stand-in for a GPU on the host, as strict as one: memory out of the host's reach, kernels that are copied byte by
/// byte, elements in another order than on the CPU, and products only in layouts that a GPU's library takes.
template <class T> struct strict {
  using scalar = T;
  using memory = strict_memory;
  template <class U> using with_scalar = strict<U>;

  static void copy(T* to, const T* from, isize n) {
    const strict_memory::opened access;
    mf::cpu<T>::copy(to, from, n);
  }
  static void fill(T* to, isize n, T value) {
    const strict_memory::opened access;
    mf::cpu<T>::fill(to, n, value);
  }
  static void copy_from_host(T* to, const T* from, isize n) { copy(to, from, n); }
  static void copy_to_host(T* to, const T* from, isize n) { copy(to, from, n); }

  template <class Kernel> static void for_each(isize rows, isize columns, const Kernel& kernel) {
    static_assert(std::is_trivially_copyable_v<Kernel>, "a kernel is carried to the device byte by byte");
    static_assert(sizeof(Kernel) <= 4000, "a kernel is passed as an argument of a launch");
    alignas(Kernel) unsigned char bytes[sizeof(Kernel)];
    std::memcpy(bytes, &kernel, sizeof(Kernel));
    const Kernel& carried = *reinterpret_cast<const Kernel*>(bytes);
    const strict_memory::opened access;
    if constexpr (requires { Kernel::at_once; })
      if (mf::detail::computes_vectors(columns, kernel))
        return visit(rows, columns / Kernel::at_once, mf::detail::vector_kernel<Kernel>{carried});
    visit(rows, columns, carried);
  }

  using C = mf::compute_type<T>;

  static void multiply(isize batch, isize m, isize n, isize k, C alpha, mf::matrix<const T> a, mf::matrix<const T> b,
                       C beta, mf::matrix<T> c) {
    multiply_into(batch, m, n, k, alpha, a, b, beta, c);
  }
  static void multiply(isize batch, isize m, isize n, isize k, C alpha, mf::matrix<const T> a, mf::matrix<const T> b,
                       C beta, mf::matrix<C> c)
    requires(!std::is_same_v<T, C>)
  {
    multiply_into(batch, m, n, k, alpha, a, b, beta, c);
  }

  /// See `mf::keeps_arguments`: for every function, in passes after the product.
  template <class Function> static constexpr bool keeps_arguments_of = !std::is_void_v<Function>;
  template <class Function>
  static void linear_keeping(isize rows, isize outputs, isize inputs, const T* x, const T* weight, const T* bias,
                             T* arguments, T* y) {
    multiply(1, rows, outputs, inputs, C(1), {x, inputs, 0}, {weight, inputs, 0, mf::layout::transposed}, C(0),
             mf::matrix<T>{arguments, outputs, 0});
    for_each(rows, outputs, mf::detail::finish_linear_kernel<T, void>{arguments, bias, outputs});
    for_each(rows, outputs, mf::detail::function_kernel<T, Function>{arguments, y, outputs});
  }
  template <class Function>
  static void linear_through(isize rows, isize outputs, isize inputs, const T* dy, const T* weight, const T* arguments,
                             T* darguments) {
    multiply(1, rows, inputs, outputs, C(1), {dy, outputs, 0}, {weight, inputs, 0}, C(0),
             mf::matrix<T>{darguments, inputs, 0});
    for_each(rows, inputs, mf::detail::function_slope_kernel<T, Function>{arguments, darguments, inputs});
  }

  static void sum(isize outer, isize reduced, isize inner, const T* x, C beta, T* y) {
    const strict_memory::opened access;
    mf::cpu<T>::sum(outer, reduced, inner, x, beta, y);
  }
  static void sum(isize outer, isize reduced, isize inner, const T* x, C beta, C* y)
    requires(!std::is_same_v<T, C>)
  {
    const strict_memory::opened access;
    mf::cpu<T>::sum(outer, reduced, inner, x, beta, y);
  }

 private:
  template <class Kernel> static void visit(isize rows, isize columns, const Kernel& kernel) {
    for (isize row = rows - 1; row >= 0; --row)
      for (isize column = columns - 1; column >= 0; --column) kernel(row, column);
  }
  template <class R>
  static void multiply_into(isize batch, isize m, isize n, isize k, C alpha, mf::matrix<const T> a,
                            mf::matrix<const T> b, C beta, mf::matrix<R> c) {
    (void)mf::detail::column_major<T, R>(batch, m, n, k, a, b, c);  // throws what the CUDA backend would throw
    const strict_memory::opened access;
    mf::cpu<T>::multiply(batch, m, n, k, alpha, a, b, beta, c);
  }
};

}  // namespace check
