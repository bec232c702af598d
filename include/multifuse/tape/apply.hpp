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

/// Where the result goes: new memory, or that of the operand.
template <class Op, class D, class S, class X, class... Rest>
tensor<D, S> room_for(const S& result, const X& x, const Rest&...) {
  if constexpr (shares_memory<Op>)
    return plain_tensor(x).reshaped(result);
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

template <class D, class Op, class S, class... X>
auto apply_recorded(const Op& op, const S& result, const X&... operands) {
  tape* recorder = nullptr;
  ((recorder = same_recorder(recorder, recorder_of(operands))), ...);
  tensor<D, S> y = room_for<Op, D>(result, operands...);
  if constexpr (!reads_shapes<Op>) (require_elements(plain_tensor(operands)), ...);
  const bool wanted = (wants_gradient(operands) || ...);
  const auto out = wanted ? watch(*recorder, y) : record(*recorder, y);
  constexpr bool inputs = reads_inputs<Op>, output = reads_output<Op>;
  if constexpr (std::is_void_v<decltype(op.forward(y, plain_tensor(operands)...))>) {
    op.forward(y, plain_tensor(operands)...);
    if (wanted)
      recorder->record([op, y = kept<output>(y), sink = out.sink(),
                        saved = make_pack(kept<inputs>(plain_tensor(operands))...),
                        sinks = make_pack(sink_of(operands)...)] {
        if (const auto dy = sink.take())
          [&]<std::size_t... I>(std::index_sequence<I...>) {
            op.backward(dy, y, get<I>(saved)..., get<I>(sinks)...);
          }(std::index_sequence_for<X...>{});
      });
  } else {
    auto state = op.forward(y, plain_tensor(operands)...);
    if (wanted)
      recorder->record([op, y = kept<output>(y), sink = out.sink(), state = std::move(state),
                        saved = make_pack(kept<inputs>(plain_tensor(operands))...),
                        sinks = make_pack(sink_of(operands)...)] {
        if (const auto dy = sink.take())
          [&]<std::size_t... I>(std::index_sequence<I...>) {
            op.backward(dy, y, state, get<I>(saved)..., get<I>(sinks)...);
          }(std::index_sequence_for<X...>{});
      });
  }
  return out;
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
  } else if constexpr ((on_tape<X> || ...)) {
    return apply_recorded<D>(op, result, operands...);
  } else {
    if constexpr (!reads_shapes<Op>) (require_elements(plain_tensor(operands)), ...);
    auto y = room_for<Op, D>(result, operands...);
    op.forward(y, plain_tensor(operands)...);
    return y;
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
/// - `shares_memory`: a member whose presence says that the result is the first operand's memory with other axes.
template <class Op, value... X> constexpr auto apply(const Op& op, const X&... operands) {
  return detail::apply_evaluated(op, detail::evaluate_operand(operands)...);
}

}  // namespace multifuse
