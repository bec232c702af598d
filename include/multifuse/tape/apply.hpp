#pragma once
#include "../tensor/backend.hpp"
#include "evaluate.hpp"

namespace multifuse {

/// What an operation may say about what its backward pass reads; the default is its inputs but not its output.
template <class Op> inline constexpr bool reads_inputs = !requires { Op::backward_ignores_inputs; };
template <class Op> inline constexpr bool reads_output = requires { Op::backward_reads_output; };
/// An operation that only sees its operand with other axes: the result is the operand's memory.
template <class Op> inline constexpr bool shares_memory = requires { Op::shares_memory; };
/// An operation some of whose operands are only shapes: handles without elements are welcome.
template <class Op> inline constexpr bool reads_shapes = requires { Op::reads_shapes; };

namespace detail {

/// The device of an operand as an operation compares it: integers of the same backend go with any scalar.
template <class D, class X, class Own = typename device_of<X>::type> struct operand_device_of {
  using type = Own;
};
template <class D, class X, class Own>
  requires(std::is_integral_v<typename Own::scalar> && std::is_same_v<rebind<D, typename Own::scalar>, Own>)
struct operand_device_of<D, X, Own> {
  using type = void;
};
template <class D, class X> using operand_device = typename operand_device_of<D, X>::type;

/// A handle that knows the shape but lets go of the elements.
template <bool Keep, class D, class S> tensor<D, S> kept(const tensor<D, S>& x) {
  if constexpr (Keep)
    return x;
  else
    return tensor<D, S>({}, nullptr, x.dims());
}

/// What an operation computes with in place of a shape, tensor or sink: one compiled kernel serves all extents of the
/// same axes, unless the operation reads them from the types. What is known at compile time has been checked by then.
template <class Op, class X> constexpr auto for_computing(const X& x) {
  if constexpr (requires { Op::reads_static_extents; })
    return x;
  else
    return at_run_time(x);
}

/// The part of an operation that computes, without what only checks and names.
template <class Op> constexpr const auto& computation_of(const Op& op) {
  if constexpr (requires { typename Op::computation; })
    return static_cast<const typename Op::computation&>(op);
  else
    return op;
}

/// Where the result goes: new memory, or that of the operand.
template <class Op, class D, class S, class X, class... Rest>
tensor<D, S> room_for(const S& result, const X& x, const Rest&...) {
  if constexpr (shares_memory<Op>)
    return x.reshaped(result);
  else
    return tensor<D, S>(result);
}

template <class Op, class S, class... X>
constexpr auto apply_meta(const Op& op, const S& result, operation_count* count, const X&... operands) {
  if (count) {
    const double forward = op.flops(result, dims_of(operands)...);
    double backward = 2 * forward;
    if constexpr (requires { op.backward_flops(result, dims_of(operands)...); })
      backward = op.backward_flops(result, dims_of(operands)...);
    *count = *count + operation_count{forward, backward, shares_memory<Op> ? 0.0 : 4.0 * double(result.size())};
  }
  return tensor<meta, S>(result, count);
}

/// Computes and puts the backward pass on the tape; returns where the result's gradient is collected.
template <class D, class Op, class S, class... T, class... G>
gradient_slot<D>* apply_recorded(tape& recorder, const Op& op, const tensor<D, S>& y, const pack<G...>& sinks,
                                 const T&... operands) {
  gradient_slot<D>* const slot = recorder.keep(gradient_slot<D>{});
  const gradient_sink<D, S> sink(slot, y.dims());
  constexpr bool inputs = reads_inputs<Op>, output = reads_output<Op>;
  if constexpr (std::is_void_v<decltype(op.forward(y, operands...))>) {
    op.forward(y, operands...);
    recorder.record([op, y = kept<output>(y), sink, saved = make_pack(kept<inputs>(operands)...), sinks] {
      if (const auto dy = sink.take())
        [&]<std::size_t... I>(std::index_sequence<I...>) {
          op.backward(dy, y, get<I>(saved)..., get<I>(sinks)...);
        }(std::index_sequence_for<T...>{});
    });
  } else {
    auto state = op.forward(y, operands...);
    recorder.record([op, y = kept<output>(y), sink, state = std::move(state),
                     saved = make_pack(kept<inputs>(operands)...), sinks] {
      if (const auto dy = sink.take())
        [&]<std::size_t... I>(std::index_sequence<I...>) {
          op.backward(dy, y, state, get<I>(saved)..., get<I>(sinks)...);
        }(std::index_sequence_for<T...>{});
    });
  }
  return slot;
}

template <class D, class Op, class S, class... X>
auto apply_computed(const Op& op, const S& result, const X&... operands) {
  if constexpr (!reads_shapes<Op>) (require_elements(plain_tensor(operands)), ...);
  const auto& work = computation_of(op);
  const auto y = room_for<Op, D>(for_computing<Op>(result), plain_tensor(operands)...);
  auto seen = y.reshaped(result);
  if constexpr ((on_tape<X> || ...)) {
    tape* recorder = nullptr;
    ((recorder = same_recorder(recorder, recorder_of(operands))), ...);
    gradient_slot<D>* slot = nullptr;
    if ((wants_gradient(operands) || ...))
      slot = apply_recorded(*recorder, work, y, make_pack(for_computing<Op>(sink_of(operands))...),
                            for_computing<Op>(plain_tensor(operands))...);
    else
      work.forward(y, for_computing<Op>(plain_tensor(operands))...);
    return variable<D, S>(*recorder, std::move(seen), slot);
  } else {
    work.forward(y, for_computing<Op>(plain_tensor(operands))...);
    return seen;
  }
}

template <class Op, class... X> constexpr auto apply_evaluated(const Op& op, const X&... operands) {
  using D = device_of_t<X...>;
  using agree = devices_agree<Op, operand_device<D, X>...>;
  static_assert(agree::value, "multifuse: operands live on different devices (read: operation, devices)");
  const auto result = op.shape(dims_of(operands)...);
  if constexpr (!agree::value) {
    return tensor<D, std::remove_const_t<decltype(result)>>(result);
  } else if constexpr (std::is_same_v<D, meta>) {
    operation_count* count = nullptr;
    ((count = count ? count : count_of(operands)), ...);
    return apply_meta(op, result, count, operands...);
  } else {
    return apply_computed<D>(op, result, operands...);
  }
}

}  // namespace detail

/// Applies a differentiable operation to values of any kind: shapes are counted, tensors are computed with, variables
/// are recorded as well. This is the one place that knows of the three. An operation is a small struct:
/// - `shape(s...)`: the shape of its result from those of its operands (constexpr; throws shape_error);
/// - `flops(result, s...)`: what it costs (constexpr); `backward_flops` likewise, twice that by default;
/// - `forward(y, x...)`: fills the tensor y; may return state for the backward pass;
/// - `backward(dy, y, [state,] x..., dx...)`: adds to each gradient sink dx that is wanted (`if (dx) ...`);
/// - `backward_reads_output` / `backward_ignores_inputs`: members whose presence says what backward reads. What it does
///   not read arrives without elements, and is not kept;
/// - `reads_shapes`: a member whose presence says that operands may come without elements;
/// - `shares_memory`: a member whose presence says that the result is the first operand's memory with other axes;
/// - `reads_static_extents`: a member whose presence says that it computes with the extents in the types. Others see
///   shapes of run-time extents in `forward` and `backward`, and are compiled once for all of them;
/// - `computation`: a base class that has `forward` and `backward`, for an operation whose own type only says more in
///   messages.
template <class Op, value... X> constexpr auto apply(const Op& op, const X&... operands) {
  return detail::apply_evaluated(op, detail::evaluate_operand(operands)...);
}

}  // namespace multifuse
