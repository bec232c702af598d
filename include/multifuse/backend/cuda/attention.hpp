#pragma once
#include <cstdint>

#include "../../tensor/memory_pool.hpp"
#include "attention_kernels.hpp"

/// Fused attention on a device `D` that runs kernels of blocks: `D::run_blocks(blocks, kernel)` and
/// `D::multiprocessors()`, besides the primitives of a backend.
namespace multifuse::detail {

/// Elements of device memory for the time of a call.
template <class D> class attention_workspace {
  using T = typename D::scalar;

 public:
  explicit attention_workspace(isize elements) : memory_(std::size_t(elements) * sizeof(T)) {}
  T* data() const { return static_cast<T*>(memory_.address()); }

 private:
  storage<typename D::memory> memory_;
};

template <class T> bool starts_with_vectors(const T* address, isize head) {
  return !address || (reinterpret_cast<std::uintptr_t>(address) % 16 == 0 && head % widest_vector<T> == 0);
}

/// The arguments for a run of items; `dy` decides about vectors as well and may be null.
template <class T>
attention_operands<T> operands_of_run(attention_arguments<T> a, const item_run& run, const T* dy) {
  const isize width = a.heads * a.head, value_width = a.heads * a.value_head;
  a.q += run.first * a.queries * width;
  a.k += run.first * a.keys * width;
  a.v += run.first * a.keys * value_width;
  if (a.bias.first) a.bias.first += a.item_bias[run.first];
  if (a.mask) a.mask += run.first * a.keys;
  a.item_bias = nullptr;  // memory of the host
  a.items = run.count;
  return {a, run.step, starts_with_vectors(a.q, a.head) && starts_with_vectors(a.k, a.head),
          starts_with_vectors(a.v, a.value_head) && starts_with_vectors(dy, a.value_head)};
}

/// Runs a kernel whose tiles of rows have the height that the plan says: `Kernel<R>`.
template <class D, template <int> class Kernel, class... A> void run_tiles(const attention_plan& plan, const A&... a) {
  using tile = attention_tile<typename D::scalar>;
  if (plan.rows_of_tile == tile::groups)
    D::run_blocks(plan.blocks(), Kernel<1>{a...});
  else
    D::run_blocks(plan.blocks(), Kernel<tile::most_rows_of_thread>{a...});
}

template <class D> struct fused_attention {
  using T = typename D::scalar;
  using tile = attention_tile<T>;
  template <int R> using forward_kernel = attention_forward_kernel<T, R, tile::columns_of_thread>;
  using wide_forward_kernel = attention_forward_kernel<T, tile::most_rows_of_thread, tile::wide_columns_of_thread>;
  template <int R> using query_kernel = attention_backward_kernel<T, R, attention_gradient::queries>;
  template <int R> using key_kernel = attention_backward_kernel<T, R, attention_gradient::keys>;
  template <int R> using value_kernel = attention_backward_kernel<T, R, attention_gradient::values>;

  static void forward(const attention_arguments<T>& a, T* y, T* log_normalizers) {
    for (isize first = 0; first < a.items;) {
      const item_run run = next_run(a, first);
      forward(operands_of_run<T>(a, run, nullptr), y + first * a.queries * a.heads * a.value_head,
              log_normalizers + first * a.heads * a.queries);
      first += run.count;
    }
  }

  static void backward(const attention_arguments<T>& a, const attention_gradients<T>& g) {
    const attention_workspace<D> expected(a.items * a.heads * a.queries);
    D::for_each(a.items * a.heads, a.queries,
                attention_expected_kernel<T>{g.y, g.dy, expected.data(), a.heads, a.queries, a.value_head});
    for (isize first = 0; first < a.items;) {
      const item_run run = next_run(a, first);
      const isize width = a.heads * a.head, value_width = a.heads * a.value_head, numbers = a.heads * a.queries;
      const T* const dy = g.dy + first * a.queries * value_width;
      const attention_backward_operands<T> b{operands_of_run(a, run, dy), dy, g.log_normalizers + first * numbers,
                                             expected.data() + first * numbers};
      if (g.dq) add_gradient<query_kernel>(b, a.queries, a.keys, a.head, g.dq + first * a.queries * width);
      if (g.dk) add_gradient<key_kernel>(b, a.keys, a.queries, a.head, g.dk + first * a.keys * width);
      if (g.dv) add_gradient<value_kernel>(b, a.keys, a.queries, a.value_head, g.dv + first * a.keys * value_width);
      if (g.dbias) add_bias_gradient(b, g.dbias + a.item_bias[first]);
      first += run.count;
    }
  }

 private:
  static item_run next_run(const attention_arguments<T>& a, isize first) {
    return run_of_items(a.bias.first ? a.item_bias : nullptr, a.items, first);
  }

  static void forward(const attention_operands<T>& x, T* y, T* log_normalizers) {
    const attention_arguments<T>& a = x.a;
    const attention_plan plan =
        plan_attention<T>(a.items * a.heads, a.queries, a.keys, a.value_head, D::multiprocessors(), true);
    if (plan.parts == 1) return run_forward(x, plan, y, log_normalizers);
    const isize rows = a.items * a.queries, width = a.heads * a.value_head;
    const attention_workspace<D> results(plan.parts * rows * width), normalizers(plan.parts * rows * a.heads);
    run_forward(x, plan, results.data(), normalizers.data());
    D::for_each(rows, width,
                attention_combine_kernel<T>{results.data(), normalizers.data(), y, log_normalizers, plan.parts, a.items,
                                            a.heads, a.queries, a.value_head});
  }
  static void run_forward(const attention_operands<T>& x, const attention_plan& plan, T* y, T* log_normalizers) {
    if (plan.results_of_tile > tile::columns)
      D::run_blocks(plan.blocks(), wide_forward_kernel{x, plan, y, log_normalizers});
    else
      run_tiles<D, forward_kernel>(plan, x, plan, y, log_normalizers);
  }

  template <template <int> class Kernel>
  static void add_gradient(const attention_backward_operands<T>& b, isize rows, isize columns, isize width,
                           T* gradient) {
    const isize pairs = b.x.a.items * b.x.a.heads, elements = pairs * rows * width;
    const attention_plan plan = plan_attention<T>(pairs, rows, columns, width, D::multiprocessors());
    if (plan.parts == 1) return run_tiles<D, Kernel>(plan, b, plan, gradient);
    const attention_workspace<D> parts(plan.parts * elements);
    run_tiles<D, Kernel>(plan, b, plan, parts.data());
    D::sum(1, plan.parts, elements, parts.data(), T(1), gradient);
  }

  static void add_bias_gradient(const attention_backward_operands<T>& b, T* gradient) {
    using kernel = tiled_bias_gradient_kernel<T>;
    const bias_gradient_plan plan = plan_bias_gradient(b.x.a, b.x.bias_step, D::multiprocessors());
    if (plan.parts == 1) return D::run_blocks(plan.blocks(), kernel{b, plan, gradient});
    const attention_workspace<D> parts(plan.parts * plan.elements);
    D::run_blocks(plan.blocks(), kernel{b, plan, parts.data()});
    D::sum(1, plan.parts, plan.elements, parts.data(), T(1), gradient);
  }
};

}  // namespace multifuse::detail
