#pragma once

namespace multifuse {

/// What a computation needs, counted from shapes alone. One multiply-add is two operations.
struct operation_count {
  double forward_flops = 0;
  double backward_flops = 0;
  double activation_bytes = 0;  ///< of all results, as kept for a backward pass

  friend constexpr operation_count operator+(const operation_count& a, const operation_count& b) {
    return {a.forward_flops + b.forward_flops, a.backward_flops + b.backward_flops,
            a.activation_bytes + b.activation_bytes};
  }
};

/// The device on which tensors are shapes and nothing else: calling a model with them counts its cost, in a constant
/// expression if the shapes are static. Bytes are counted for 32-bit numbers.
struct meta {
  using scalar = float;
};

}  // namespace multifuse
