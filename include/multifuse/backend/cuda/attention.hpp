#pragma once
#include <cstdint>

#include "../../tensor/memory_pool.hpp"
#include "attention_backward_kernels.hpp"

/// Fused attention on a device `D` that runs kernels of blocks: `D::run_blocks(blocks, kernel)` and
/// `D::multiprocessors()`, besides the primitives of a backend.
namespace multifuse::detail {

/// Device memory for the time of a call.
template <class D, class Element> class attention_workspace {
 public:
  explicit attention_workspace(isize count) : memory_(std::size_t(count) * sizeof(Element)) {}
  Element* data() const { return static_cast<Element*>(memory_.address()); }

 private:
  storage<typename D::memory> memory_;
};

template <class T> bool starts_with_vectors(const T* address, isize head) {
  return !address || (reinterpret_cast<std::uintptr_t>(address) % 16 == 0 && head % widest_vector<T> == 0);
}

/// The arguments for a run of items; `dy` decides about vectors as well and may be null.
template <class T> attention_operands<T> operands_of_run(attention_arguments<T> a, const item_run& run, const T* dy) {
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

/// The tiles for elements of T, and whether wide ones are chosen for a forward or backward pass.
template <class T> struct attention_tiles {
  using tile = attention_tile<T>;
  static constexpr bool backward_is_wide = false;
  template <bool Many, bool Wide>
  using of = scalar_tile<T, Many ? tile::most_rows_of_thread : 1, tile::columns_of_thread*(Wide ? 2 : 1)>;
  static bool are_wide(const attention_arguments<T>& a, bool forward) {
    return forward && a.value_head > tile::results;
  }
};
template <> struct attention_tiles<bf16> {
  using tile = attention_tile<bf16>;
  static constexpr bool backward_is_wide = true;
  template <bool Many, bool Wide> using of = tensor_core_tile<Many, Wide ? tile::wide_results : tile::results>;
  static bool are_wide(const attention_arguments<bf16>& a, bool) {
    return a.head > tile::results || a.value_head > tile::results;
  }
};

template <class D> struct fused_attention {
  using T = typename D::scalar;
  using number = compute_type<T>;
  using tile = attention_tile<T>;
  using tiles = attention_tiles<T>;
  template <class Tile> using query_kernel = attention_backward_kernel<Tile, attention_gradient::queries>;
  template <class Tile> using key_kernel = attention_backward_kernel<Tile, attention_gradient::keys>;
  template <class Tile> using value_kernel = attention_backward_kernel<Tile, attention_gradient::values>;

  static void forward(const attention_arguments<T>& a, T* y, number* log_normalizers) {
    for (isize first = 0; first < a.items;) {
      const item_run run = next_run(a, first);
      forward(operands_of_run<T>(a, run, nullptr), y + first * a.queries * a.heads * a.value_head,
              log_normalizers + first * a.heads * a.queries);
      first += run.count;
    }
  }

  static void backward(const attention_arguments<T>& a, const attention_gradients<T>& g) {
    const attention_workspace<D, attention_of_query<number>> of_queries(a.items * a.heads * a.queries);
    D::for_each(a.items * a.heads, a.queries,
                attention_of_query_kernel<T>{g.y, g.dy, g.log_normalizers, of_queries.data(), a.heads, a.queries,
                                             a.value_head});
    for (isize first = 0; first < a.items;) {
      const item_run run = next_run(a, first);
      const isize width = a.heads * a.head, value_width = a.heads * a.value_head;
      const T* const dy = g.dy + first * a.queries * value_width;
      const attention_backward_operands<T> b{operands_of_run(a, run, dy), dy,
                                             of_queries.data() + first * a.heads * a.queries};
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

  static void forward(const attention_operands<T>& x, T* y, number* log_normalizers) {
    const attention_arguments<T>& a = x.a;
    const attention_plan plan = plan_attention<T>(a.items * a.heads, a.queries, a.keys, a.value_head,
                                                  D::multiprocessors(), tiles::are_wide(a, true));
    if (plan.parts == 1)
      return run_tiles<attention_forward_kernel, true>(plan, x, plan, attention_output<T>{y, nullptr}, log_normalizers);
    const isize rows = a.items * a.queries, width = a.heads * a.value_head;
    const attention_workspace<D, number> results(plan.parts * rows * width), normalizers(plan.parts * rows * a.heads);
    run_tiles<attention_forward_kernel, true>(plan, x, plan, attention_output<T>{nullptr, results.data()},
                                              normalizers.data());
    D::for_each(rows, width,
                attention_combine_kernel<T>{results.data(), normalizers.data(), y, log_normalizers, plan.parts, a.items,
                                            a.heads, a.queries, a.value_head});
  }

  template <template <class> class Kernel>
  static void add_gradient(const attention_backward_operands<T>& b, isize rows, isize columns, isize width,
                           T* gradient) {
    const isize pairs = b.x.a.items * b.x.a.heads;
    const attention_plan plan =
        plan_attention<T>(pairs, rows, columns, width, D::multiprocessors(), tiles::are_wide(b.x.a, false));
    add_parts(plan.parts, pairs * rows * width, gradient,
              [&](const attention_output<T>& to) { run_tiles<Kernel, tiles::backward_is_wide>(plan, b, plan, to); });
  }

  static void add_bias_gradient(const attention_backward_operands<T>& b, T* gradient) {
    const bias_gradient_plan plan = plan_bias_gradient(b.x.a, b.x.bias_step, D::multiprocessors());
    add_parts(plan.parts, plan.elements, gradient, [&](const attention_output<T>& to) {
      if (tiles::backward_is_wide && tiles::are_wide(b.x.a, false))
        run<tiled_bias_gradient_kernel, true, tiles::backward_is_wide>(plan, b, plan, to);
      else
        run<tiled_bias_gradient_kernel, true, false>(plan, b, plan, to);
    });
  }

  /// Adds to a gradient what `compute(where)` leaves there.
  template <class Compute> static void add_parts(isize parts, isize elements, T* gradient, const Compute& compute) {
    if (parts == 1) return compute(attention_output<T>{gradient, nullptr});
    const attention_workspace<D, number> numbers(parts * elements);
    compute(attention_output<T>{nullptr, numbers.data()});
    D::for_each(1, elements, attention_add_parts_kernel<T>{numbers.data(), gradient, parts, elements});
  }

  /// Runs a kernel with the tiles that the plan says. `MayBeWide`: it exists for wide results as well.
  template <template <class> class Kernel, bool MayBeWide, class... A>
  static void run_tiles(const attention_plan& plan, const A&... a) {
    constexpr bool few_may_be_wide = MayBeWide && tile::few_rows_have_wide_results;
    const bool wide = plan.results_of_tile > tile::results;
    if (plan.rows_of_tile == tile::few_rows)
      wide ? run<Kernel, false, few_may_be_wide>(plan, a...) : run<Kernel, false, false>(plan, a...);
    else
      wide ? run<Kernel, true, MayBeWide>(plan, a...) : run<Kernel, true, false>(plan, a...);
  }
  template <template <class> class Kernel, bool Many, bool Wide, class Plan, class... A>
  static void run(const Plan& plan, const A&... a) {
    D::run_blocks(plan.blocks(), Kernel<typename tiles::template of<Many, Wide>>{a...});
  }
};

}  // namespace multifuse::detail
