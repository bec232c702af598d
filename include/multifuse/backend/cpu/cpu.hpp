#pragma once
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "../../core/error.hpp"
#include "../../tensor/backend.hpp"
#include "attention_bf16.hpp"
#include "threads.hpp"

namespace multifuse {

/// Host memory, aligned to cache lines.
struct cpu_memory {
  static void* allocate(std::size_t bytes) {
    const std::size_t alignment = bytes >= 2 * huge_page ? huge_page : 64;
    const std::size_t whole = (bytes + alignment - 1) / alignment * alignment;
    void* const address = whole < bytes ? nullptr : std::aligned_alloc(alignment, whole);
    if (!address) throw device_error("cpu memory", "out of memory", std::to_string(bytes) + " bytes", "none");
#if defined(__linux__)
    // A request only. The weights of a small model span more plain pages than a processor remembers the places of.
    if (alignment == huge_page) (void)madvise(address, bytes / huge_page * huge_page, MADV_HUGEPAGE);
#endif
    return address;
  }
  static void release(void* address) { std::free(address); }

 private:
  static constexpr std::size_t huge_page = std::size_t(1) << 21;
};

namespace detail {
/// How a product of elements of type T with results of type R is computed.
template <class T, class R>
using product_of = std::conditional_t<std::is_same_v<T, bf16>, bf16_product<R>, matrix_product<T>>;
}  // namespace detail

/// The processor as a device for elements of type T: the backend primitives on host memory. They use as many threads as
/// `threads_in_use` says, and compute the same for any number.
template <class T> struct cpu {
  using scalar = T;
  using memory = cpu_memory;
  template <class U> using with_scalar = cpu<U>;

  static void copy(T* to, const T* from, isize n) { std::copy_n(from, n, to); }
  static void fill(T* to, isize n, T value) { std::fill_n(to, n, value); }
  static void copy_from_host(T* to, const T* from, isize n) { copy(to, from, n); }
  static void copy_to_host(T* to, const T* from, isize n) { copy(to, from, n); }

  template <class Kernel> static void for_each(isize rows, isize columns, const Kernel& kernel) {
    constexpr isize enough = requires { Kernel::works_on_a_row; }
    ? 32 : 8192;  // calls, to be worth another thread
    if (rows >= threads_in_use())
      detail::in_parallel(rows, 1, enough / std::max<isize>(1, columns),
                          [&](isize first, isize last) { detail::for_each_in_use(first, last, 0, columns, kernel); });
    else  // in multiples of all vectors, so that each element is computed by the same instructions
      detail::in_parallel(columns, 64, enough / std::max<isize>(1, rows),
                          [&](isize first, isize last) { detail::for_each_in_use(0, rows, first, last, kernel); });
  }

  [[gnu::noinline]] static void multiply(isize batch, isize m, isize n, isize k, compute_type<T> alpha,
                                         matrix<const T> a, matrix<const T> b, compute_type<T> beta, matrix<T> c) {
    multiply_into(batch, m, n, k, alpha, a, b, beta, c);
  }
  /// The same with a result that is not rounded.
  [[gnu::noinline]] static void multiply(isize batch, isize m, isize n, isize k, compute_type<T> alpha,
                                         matrix<const T> a, matrix<const T> b, compute_type<T> beta,
                                         matrix<compute_type<T>> c)
    requires(!std::is_same_v<compute_type<T>, T>)
  {
    multiply_into(batch, m, n, k, alpha, a, b, beta, c);
  }

  /// y[rows, outputs] = Function(x[rows, inputs] weight[outputs, inputs]^T + bias); no bias if it is null, no function
  /// if it is void. `packed` is what `pack` made of the weight, or null.
  template <class Function>
  static void linear(isize rows, isize outputs, isize inputs, const T* x, const T* weight, const T* packed,
                     const T* bias, T* y) {
    detail::product_extras<T> extras{packed, bias};
    if constexpr (!std::is_void_v<Function>)
      extras.finish = detail::with_loops_in_use(
          [](auto loops) { return &decltype(loops)::template apply<Function, compute_type<T>>; });
    multiply_linear(rows, outputs, inputs, x, weight, extras, y);
  }

  /// Elements of the copy of a weight [outputs, inputs] that `pack` makes: in the order in which products read it. 0:
  /// no order would be faster.
  static isize packed_size(isize outputs, isize inputs) {
    return detail::product_of<T, T>::packed_size(outputs, inputs);
  }
  /// Tells one order from another: it changes with the instructions in use.
  static isize packing() { return detail::product_of<T, T>::packing(); }
  static void pack(T* to, isize outputs, isize inputs, const T* weight) {
    detail::product_of<T, T>::pack(to, outputs, inputs, {weight, inputs, 0, layout::transposed});
  }

  [[gnu::noinline]] static void sum(isize outer, isize reduced, isize inner, const T* x, compute_type<T> beta, T* y) {
    sum_into(outer, reduced, inner, x, beta, y);
  }
  [[gnu::noinline]] static void sum(isize outer, isize reduced, isize inner, const T* x, compute_type<T> beta,
                                    compute_type<T>* y)
    requires(!std::is_same_v<compute_type<T>, T>)
  {
    sum_into(outer, reduced, inner, x, beta, y);
  }

  static void attention_forward(const attention_arguments<T>& arguments, T* y, compute_type<T>* log_normalizers) {
    if constexpr (std::is_same_v<T, bf16>)
      detail::bf16_attention_forward(arguments, y, log_normalizers);
    else
      detail::attention_forward(arguments, y, log_normalizers);
  }
  static void attention_backward(const attention_arguments<T>& arguments, const attention_gradients<T>& gradients) {
    if constexpr (std::is_same_v<T, bf16>)
      detail::bf16_attention_backward(arguments, gradients);
    else
      detail::attention_backward(arguments, gradients);
  }

 private:
  template <class R>
  static void sum_into(isize outer, isize reduced, isize inner, const T* x, compute_type<T> beta, R* y) {
    constexpr isize enough = 16384;  // additions, to be worth another thread
    if (outer >= threads_in_use())
      detail::in_parallel(outer, 1, enough / std::max<isize>(1, reduced * inner), [&](isize first, isize last) {
        for (isize o = first; o < last; ++o)
          sum_block(reduced, inner, 0, inner, x + o * reduced * inner, beta, y + o * inner);
      });
    else
      for (isize o = 0; o < outer; ++o)
        detail::in_parallel(inner, 64, enough / std::max<isize>(1, reduced), [&](isize first, isize last) {
          sum_block(reduced, inner, first, last, x + o * reduced * inner, beta, y + o * inner);
        });
  }

  static constexpr isize enough_operations = 500'000;  // multiplications and additions, to be worth another thread

  [[gnu::noinline]] static void multiply_linear(isize rows, isize outputs, isize inputs, const T* x, const T* weight,
                                                const detail::product_extras<T>& extras, T* y) {
    detail::product_of<T, T>(rows, outputs, inputs, 1, {x, inputs, 0}, {weight, inputs, 0, layout::transposed}, 0,
                             {y, outputs, 0}, extras)
        .compute_in_parallel(enough_operations);
  }

  template <class R>
  static void multiply_into(isize batch, isize m, isize n, isize k, compute_type<T> alpha, matrix<const T> a,
                            matrix<const T> b, compute_type<T> beta, matrix<R> c) {
    const auto product = [&](isize item) {
      return detail::product_of<T, R>(m, n, k, alpha, {a.data + item * a.distance, a.stride, 0, a.order},
                           {b.data + item * b.distance, b.stride, 0, b.order}, beta,
                           {c.data + item * c.distance, c.stride, 0});
    };
    const isize operations = std::max<isize>(1, m * n * k);
    if (batch >= threads_in_use())
      detail::in_parallel(batch, 1, enough_operations / operations, [&](isize first, isize last) {
        for (isize item = first; item < last; ++item) product(item).compute();
      });
    else
      for (isize item = 0; item < batch; ++item) product(item).compute_in_parallel(enough_operations);
  }

  /// Columns first ... last - 1 of to[inner] = the sum over the rows of from[reduced, inner] + beta to.
  template <class R>
  static void sum_block(isize reduced, isize inner, isize first, isize last, const T* from, compute_type<T> beta,
                        R* to) {
    using C = compute_type<T>;
    if (inner == 1) {
      constexpr isize length = 4096;  // sums of sums: the error of a mean does not grow with its elements
      C total = 0;
      for (isize start = 0; start < reduced; start += length)
        total += sum_of_run(from + start, std::min(length, reduced - start));
      to[0] = beta == C(0) ? total : total + beta * to[0];
    } else if constexpr (std::is_same_v<C, R>) {
      add_rows(reduced, inner, last - first, from + first, beta, to + first, to + first);
    } else {
      constexpr isize at_once = 512;
      for (isize start = first; start < last; start += at_once) {
        C sums[at_once];
        const isize count = std::min(at_once, last - start);
        add_rows(reduced, inner, count, from + start, beta, to + start, sums);
        for (isize i = 0; i < count; ++i) to[start + i] = sums[i];
      }
    }
  }

  /// sums[i] = the sum over the rows of from[reduced, inner] + beta before[i]; `sums` and `before` may be the same.
  template <class R>
  static void add_rows(isize reduced, isize inner, isize count, const T* from, compute_type<T> beta, const R* before,
                       compute_type<T>* sums) {
    using C = compute_type<T>;
    for (isize i = 0; i < count; ++i) sums[i] = beta == C(0) ? C(0) : beta * before[i];
    for (isize r = 0; r < reduced; ++r) {
      MULTIFUSE_INDEPENDENT
      for (isize i = 0; i < count; ++i) sums[i] += from[r * inner + i];
    }
  }

  static compute_type<T> sum_of_run(const T* from, isize n) {
    compute_type<T> lanes[8] = {};  // eight partial sums: vectorizes, and rounds less than one
    isize i = 0;
    for (; i + 8 <= n; i += 8)
      for (isize lane = 0; lane < 8; ++lane) lanes[lane] += from[i + lane];
    compute_type<T> total =
        ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
    for (; i < n; ++i) total += from[i];
    return total;
  }
};

}  // namespace multifuse
