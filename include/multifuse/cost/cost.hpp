#pragma once
#include "../tape/apply.hpp"
#include "../tape/members.hpp"

namespace multifuse {

/// What one call of a model needs. FLOPs count a multiply-add as two; bytes are for 32-bit numbers.
struct model_cost {
  isize parameters = 0;
  double forward_flops = 0;
  double backward_flops = 0;
  double activation_bytes = 0;  ///< of all intermediate results, as a training pass keeps them

  constexpr double training_flops() const { return forward_flops + backward_flops; }
};

/// The cost of calling a model with inputs of these shapes, in a constant expression if the shapes are constants:
///   constexpr auto cost = cost_of<net>(shape<batch<1>, tokens<196>, width<768>>{});
///   static_assert(cost.parameters < 171'000'000);
template <class Model, class... Shapes>
  requires(is_shape<Shapes> && ...)
constexpr model_cost cost_of(const Shapes&... shapes) {
  const Model model{};
  operation_count count;
  model(tensor<meta, Shapes>(shapes, &count)...);
  return {parameter_count<Model>, count.forward_flops, count.backward_flops, count.activation_bytes};
}

}  // namespace multifuse
