#pragma once
#include <concepts>

#include "../core/bf16.hpp"

namespace multifuse {

/// How a matrix lies in memory: `transposed` reads it as its transpose.
enum class layout : bool { plain, transposed };

/// A family of equally shaped row-major matrices: pointer to the first, row stride, distance from one to the next.
template <class T> struct matrix {
  T* data;
  isize stride;      ///< elements from one row to the next
  isize distance;    ///< elements from one matrix of the batch to the next (0: all the same)
  layout order = layout::plain;
};

namespace detail {
struct example_kernel {
  MULTIFUSE_HD void operator()(isize, isize) const {}
};
}  // namespace detail

/// What a backend must provide to run and train every layer. `D` is a type with static members only.
/// - `scalar`, `memory` (raw memory for the pool), `with_scalar<T>` (the same backend for another element type)
/// - `copy`, `fill`, `copy_from_host`, `copy_to_host`: n elements
/// - `for_each(rows, columns, kernel)`: calls `kernel(row, column)` for every pair, in any order and in parallel; a kernel
///   is a small copyable struct with a MULTIFUSE_HD call operator; one that computes a whole row in a call says so with a
///   member `works_on_a_row`. A kernel with a member `at_once` may be called for that many neighboring columns at a time,
///   `kernel.compute_vector(row, first)`, where `kernel.holds_vectors()` and the number of columns is a multiple of it
/// - `multiply(batch, m, n, k, alpha, a, b, beta, c)`: c[m, n] = alpha a[m, k] b[k, n] + beta c for each matrix of a
///   batch (beta 0: c is not read)
/// - `sum(outer, reduced, inner, x, beta, y)`: y[outer, inner] = sum over the middle axis of x + beta y
/// Both compute and sum in `compute_type<scalar>`, that of alpha and beta, and round once; where that is another type, c
/// and y may be of it instead.
/// An operation uses a faster kernel of the backend where it declares one:
/// - `attention_forward(arguments, y, log_normalizers)` and `attention_backward(arguments, gradients)`, see
///   `attention_arguments`: without a matrix of scores in memory
/// - `linear`: see `computes_linear`
/// - `multiply_gathered`: see `multiplies_gathered`
/// - `multiprocessors()`, of a GPU: where work is done in parts, they are made larger for it
/// - `linear_gradients(rows, outputs, inputs, x, dy, beta, dweight, bias_beta, dbias)`: dweight[outputs, inputs] = dy^T x +
///   beta dweight and dbias[outputs] = the sum of the rows of dy[rows, outputs] + bias_beta dbias
/// - `branches`: a type whose objects divide work into parts that may be done at the same time, from `branches(count)` to
///   the end of the object, with `next()` at the beginning of each part; no part uses what another one writes
template <class D>
concept backend = requires(typename D::scalar* x, const typename D::scalar* c, isize n, typename D::scalar value,
                           matrix<typename D::scalar> out, matrix<const typename D::scalar> in) {
  typename D::memory;
  typename D::template with_scalar<double>;
  D::copy(x, c, n);
  D::fill(x, n, value);
  D::copy_from_host(x, c, n);
  D::copy_to_host(x, c, n);
  D::for_each(n, n, detail::example_kernel{});
  D::multiply(n, n, n, n, value, in, in, value, out);
  D::sum(n, n, n, c, value, x);
};

/// A backend that computes linear layers with their bias and function: `linear<Function>(rows, outputs, inputs, x,
/// weight, packed, bias, y)` is y[rows, outputs] = Function(x[rows, inputs] weight[outputs, inputs]^T + bias); no bias
/// if it is null, no function if it is void. `packed` is null for a backend that does not pack weights.
template <class D>
concept computes_linear = requires(typename D::scalar* y, const typename D::scalar* x, isize n) {
  D::template linear<void>(n, n, n, x, x, x, x, y);
};

/// One that does so from a copy of the weight in its own order if there is one: `pack`, `packed_size`, `packing` (see
/// `cpu`).
template <class D>
concept packs_weights = computes_linear<D> &&
    requires(typename D::scalar* to, const typename D::scalar* weight, isize n) {
  D::pack(to, n, n, weight);
  { D::packed_size(n, n) } -> std::same_as<isize>;
  { D::packing() } -> std::same_as<isize>;
};

/// A backend whose products compute this function of a linear layer in training as well:
/// - `linear_keeping<Function>(rows, outputs, inputs, x, weight, bias, arguments, y)`: arguments[rows, outputs] = x
///   weight^T + bias, and y[rows, outputs] = Function(arguments)
/// - `linear_through<Function>(rows, outputs, inputs, dy, weight, arguments, darguments)`: darguments[rows, inputs] = dy
///   weight times the slope of Function at arguments[rows, inputs]
template <class D, class Function>
concept keeps_arguments = requires { requires D::template keeps_arguments_of<Function>; };

/// False while a backend records a pass that runs later (`recording`, see `cuda`): then there are no values to look at,
/// and checks of values are left out.
template <class D> bool has_values() {
  if constexpr (requires { D::recording(); })
    return !D::recording();
  else
    return true;
}

}  // namespace multifuse
