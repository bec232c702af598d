#pragma once
#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>

#include "../../core/error.hpp"
#include "../../tensor/backend.hpp"
#include "multiply.hpp"

namespace multifuse {

/// Host memory, aligned to cache lines.
struct cpu_memory {
  static void* allocate(std::size_t bytes) {
    void* const address = ::operator new(bytes, std::align_val_t(64), std::nothrow);
    if (!address) throw device_error("cpu memory", "out of memory", std::to_string(bytes) + " bytes", "none");
    return address;
  }
  static void release(void* address) { ::operator delete(address, std::align_val_t(64)); }
};

/// The processor as a device for elements of type T: the backend primitives on host memory, in the calling thread.
template <class T> struct cpu {
  using scalar = T;
  using memory = cpu_memory;
  template <class U> using with_scalar = cpu<U>;

  static void copy(T* to, const T* from, isize n) { std::copy_n(from, n, to); }
  static void fill(T* to, isize n, T value) { std::fill_n(to, n, value); }
  static void copy_from_host(T* to, const T* from, isize n) { copy(to, from, n); }
  static void copy_to_host(T* to, const T* from, isize n) { copy(to, from, n); }

  template <class Kernel> static void for_each(isize rows, isize columns, const Kernel& kernel) {
#if defined(__x86_64__)
    switch (instructions_in_use()) {
      case instruction_set::avx512: return detail::avx512::for_each(rows, columns, kernel);
      case instruction_set::avx2: return detail::avx2::for_each(rows, columns, kernel);
      case instruction_set::portable: break;
    }
#endif
    detail::portable::for_each(rows, columns, kernel);
  }

  [[gnu::noinline]] static void multiply(isize batch, isize m, isize n, isize k, T alpha, matrix<const T> a,
                                         matrix<const T> b, T beta, matrix<T> c) {
    for (isize i = 0; i < batch; ++i)
      detail::matrix_product<T>(m, n, k, alpha, {a.data + i * a.distance, a.stride, 0, a.order},
                                {b.data + i * b.distance, b.stride, 0, b.order}, beta,
                                {c.data + i * c.distance, c.stride, 0})
          .compute();
  }

  [[gnu::noinline]] static void sum(isize outer, isize reduced, isize inner, const T* x, T beta, T* y) {
    for (isize o = 0; o < outer; ++o) {
      const T* from = x + o * reduced * inner;
      T* to = y + o * inner;
      if (inner == 1) {
        constexpr isize run = 4096;  // sums of sums: the error of a mean does not grow with its elements
        T total = 0;
        for (isize first = 0; first < reduced; first += run)
          total += sum_of_run(from + first, std::min(run, reduced - first));
        to[0] = beta == T(0) ? total : total + beta * to[0];
        continue;
      }
      for (isize i = 0; i < inner; ++i) to[i] = beta == T(0) ? T(0) : beta * to[i];
      for (isize r = 0; r < reduced; ++r) {
        MULTIFUSE_INDEPENDENT
        for (isize i = 0; i < inner; ++i) to[i] += from[r * inner + i];
      }
    }
  }

 private:
  static T sum_of_run(const T* from, isize n) {
    T lanes[8] = {};  // eight partial sums: vectorizes, and rounds less than one
    isize i = 0;
    for (; i + 8 <= n; i += 8)
      for (isize lane = 0; lane < 8; ++lane) lanes[lane] += from[i + lane];
    T total = ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
    for (; i < n; ++i) total += from[i];
    return total;
  }
};

}  // namespace multifuse
