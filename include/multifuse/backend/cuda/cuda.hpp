#pragma once
#include "attention.hpp"
#include "branches.hpp"
#include "gathered_product.hpp"
#include "graph.hpp"
#include "linear.hpp"
#include "shared_rows.hpp"
#include "sum.hpp"

namespace multifuse {

namespace detail {

template <class Kernel>
__global__ void __launch_bounds__(threads_of_block) for_each_kernel(isize rows, isize columns, const Kernel kernel) {
  visit_elements({isize(blockIdx.y) * blockDim.y + threadIdx.y, isize(blockIdx.x) * blockDim.x + threadIdx.x,
                  isize(gridDim.y) * blockDim.y, isize(gridDim.x) * blockDim.x},
                 rows, columns, kernel);
}

inline constexpr std::size_t plain_shared_bytes = 48 * 1024;  // more has to be asked for

template <class T> struct fill_kernel {
  T* to;
  T value;
  MULTIFUSE_HD void operator()(isize, isize i) const { to[i] = value; }

  static constexpr int at_once = widest_vector<T>;
  bool holds_vectors() const { return detail::holds_vectors(to); }
  MULTIFUSE_HD void compute_vector(isize, isize first) const {
    widest<T> values;
    MULTIFUSE_UNROLL
    for (int lane = 0; lane < at_once; ++lane) values.at[lane] = value;
    write_vector(to + first, values);
  }
};

}  // namespace detail

/// An NVIDIA GPU as a device for elements of type T: the backend primitives on the current stream (`current_stream`).
/// Products of `bf16` run on tensor cores and, as sums, are added up in float and rounded once.
/// Every call throws cuda_error where CUDA refuses: no device, out of memory, a kernel that failed. A kernel fails
/// after its call has returned: then the next call that waits (`copy_to_host`, `copy_from_host`, `synchronize`) throws.
/// Needs a CUDA compiler and cublasLt; no flags. Example: `transformer_block<cuda<float>, 768, 12> block;`
template <class T> struct cuda {
  using scalar = T;
  using memory = cuda_memory;
  template <class U> using with_scalar = cuda<U>;
  using branches = detail::concurrent_branches<detail::cuda_queues, cuda_memory>;

  static void copy(T* to, const T* from, isize n) { transfer(to, from, n, cudaMemcpyDeviceToDevice); }
  static void fill(T* to, isize n, T value) { for_each(1, n, detail::fill_kernel<T>{to, value}); }

  /// Waits until the elements have arrived.
  static void copy_from_host(T* to, const T* from, isize n) {
    transfer(to, from, n, cudaMemcpyHostToDevice);
    synchronize();
  }
  /// Waits for all work that was given to the device.
  static void copy_to_host(T* to, const T* from, isize n) {
    transfer(to, from, n, cudaMemcpyDeviceToHost);
    synchronize();
  }

  /// True while a pass is recorded; see `captured`.
  static bool recording() { return detail::recording_switch().load(std::memory_order_acquire); }

  template <class Kernel> static void for_each(isize rows, isize columns, const Kernel& kernel) {
    if (rows < 1 || columns < 1) return;
    if constexpr (detail::shares_rows<Kernel>) {
      const detail::shared_rows_kernel<Kernel> shared(rows, kernel);
      return run_blocks(shared.blocks, shared);
    }
    if constexpr (requires { Kernel::at_once; })
      if (detail::computes_vectors(columns, kernel))
        return launch_for_each(rows, columns / Kernel::at_once, detail::vector_kernel<Kernel>{kernel});
    launch_for_each(rows, columns, kernel);
  }

  static void multiply(isize batch, isize m, isize n, isize k, compute_type<T> alpha, matrix<const T> a,
                       matrix<const T> b, compute_type<T> beta, matrix<T> c) {
    detail::multiply_on_device<T>(batch, m, n, k, alpha, a, b, beta, c);
  }
  /// The same with a result that is not rounded.
  static void multiply(isize batch, isize m, isize n, isize k, compute_type<T> alpha, matrix<const T> a,
                       matrix<const T> b, compute_type<T> beta, matrix<compute_type<T>> c)
    requires(!std::is_same_v<compute_type<T>, T>)
  {
    detail::multiply_on_device<T>(batch, m, n, k, alpha, a, b, beta, c);
  }

  /// See `computes_linear`.
  template <class Function>
  static void linear(isize rows, isize outputs, isize inputs, const T* x, const T* weight, const T*, const T* bias,
                     T* y) {
    detail::linear_on_device<cuda, Function>(rows, outputs, inputs, x, weight, bias, y);
  }
  static void linear_gradients(isize rows, isize outputs, isize inputs, const T* x, const T* dy, compute_type<T> beta,
                               T* dweight, compute_type<T> bias_beta, T* dbias) {
    detail::linear_gradients_on_device<cuda>(rows, outputs, inputs, x, dy, beta, dweight, bias_beta, dbias);
  }

  /// See `keeps_arguments`.
  template <class Function>
  static constexpr bool keeps_arguments_of = detail::epilogue_function<Function> ==
                                             detail::product_epilogue::function::gelu_tanh;
  template <class Function>
  static void linear_keeping(isize rows, isize outputs, isize inputs, const T* x, const T* weight, const T* bias,
                             T* arguments, T* y) {
    detail::linear_keeping_on_device<cuda, Function>(rows, outputs, inputs, x, weight, bias, arguments, y);
  }
  template <class Function>
  static void linear_through(isize rows, isize outputs, isize inputs, const T* dy, const T* weight, const T* arguments,
                             T* darguments) {
    detail::linear_through_on_device<cuda, Function>(rows, outputs, inputs, dy, weight, arguments, darguments);
  }

  static void sum(isize outer, isize reduced, isize inner, const T* x, compute_type<T> beta, T* y) {
    sum_into(outer, reduced, inner, x, beta, y);
  }
  static void sum(isize outer, isize reduced, isize inner, const T* x, compute_type<T> beta, compute_type<T>* y)
    requires(!std::is_same_v<compute_type<T>, T>)
  {
    sum_into(outer, reduced, inner, x, beta, y);
  }

  /// See `multiplies_gathered`. Products that may be rounded to TF32 are faster from a copy: the tiles for float multiply
  /// without tensor cores.
  static bool gathers_operands()
    requires(sizeof(T) <= 4)
  {
    return !detail::rounds_products<T>();
  }
  static void multiply_gathered(const gathered_product auto& product) {
    detail::multiply_gathered_on_device<cuda>(product);
  }

  static void attention_forward(const attention_arguments<T>& arguments, T* y, compute_type<T>* log_normalizers) {
    detail::fused_attention<cuda>::forward(arguments, y, log_normalizers);
  }
  static void attention_backward(const attention_arguments<T>& arguments, const attention_gradients<T>& gradients) {
    detail::fused_attention<cuda>::backward(arguments, gradients);
  }

  /// Runs a kernel whose threads work together: `Kernel::threads` for each of the blocks, with `Kernel::shared_bytes`
  /// of shared memory; see block.hpp.
  template <class Kernel> static void run_blocks(isize blocks, const Kernel& kernel) {
    if (blocks < 1) return;
    detail::enter_cuda_device();
    if constexpr (Kernel::shared_bytes > detail::plain_shared_bytes)
      detail::check_cuda(cudaFuncSetAttribute(detail::block_kernel<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                              int(Kernel::shared_bytes)),
                         "cudaFuncSetAttribute");
    detail::block_kernel<Kernel>
        <<<unsigned(blocks), unsigned(Kernel::threads), Kernel::shared_bytes, current_stream()>>>(kernel);
    detail::check_cuda(cudaGetLastError(), "run_blocks", "kernel launch");
  }
  /// How many blocks can run at the same time at least.
  static isize multiprocessors() { return detail::multiprocessor_count(); }

 private:
  template <class Kernel> static void launch_for_each(isize rows, isize columns, const Kernel& kernel) {
    launch("for_each", detail::grid_for(rows, columns), detail::for_each_kernel<Kernel>, rows, columns, kernel);
  }

  template <class R>
  static void sum_into(isize outer, isize reduced, isize inner, const T* x, compute_type<T> beta, R* y) {
    using C = compute_type<T>;
    if (outer < 1 || inner < 1) return;
    const isize parts = detail::parts_of_sum(outer * inner, reduced, inner);
    if (parts == 1) return sum_parts(outer, 1, reduced, inner, x, beta, y);
    const storage<memory> partial(std::size_t(outer * parts * inner) * sizeof(C));
    C* const sums = static_cast<C*>(partial.address());
    sum_parts(outer, parts, reduced, inner, x, C(0), sums);
    sum_parts(outer, 1, parts, inner, static_cast<const C*>(sums), beta, y);
  }
  template <class X, class R>
  static void sum_parts(isize outer, isize parts, isize reduced, isize inner, const X* x, compute_type<T> beta, R* y) {
    const isize results = outer * parts * inner, length = detail::quotient_up(reduced, parts);
    if (inner == 1)
      launch("sum", detail::grid_for_row_sum(results, length), detail::sum_rows_kernel<X, R>, outer, parts, reduced, x,
             beta, y);
    else
      launch("sum", detail::grid_for_sum(results, length), detail::sum_middle_kernel<X, R>, outer, parts, reduced, inner,
             x, beta, y);
  }

  static void transfer(T* to, const T* from, isize n, cudaMemcpyKind kind) {
    if (n < 1) return;
    detail::enter_cuda_device();
    detail::check_cuda(cudaMemcpyAsync(to, from, std::size_t(n) * sizeof(T), kind, current_stream()), "cudaMemcpyAsync",
                       std::to_string(n) + " elements");
  }

  template <class... P, class... A>
  static void launch(const char* name, const detail::launch_grid& grid, void (*kernel)(P...), const A&... arguments) {
    detail::enter_cuda_device();
    kernel<<<dim3(grid.grid_x, grid.grid_y), dim3(grid.block_x, grid.block_y), 0, current_stream()>>>(arguments...);
    detail::check_cuda(cudaGetLastError(), name, "kernel launch");
  }
};

}  // namespace multifuse
