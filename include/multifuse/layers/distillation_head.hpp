#pragma once
#include "layer_norm.hpp"
#include "mlp.hpp"
#include "weight_normalized.hpp"

namespace multifuse {

/// The extents of a `distillation_head`; the defaults are those of XKD.
struct distillation_head_config {
  isize hidden = 2048, bottleneck = 256, outputs = 8192;
  double epsilon = 1e-5;  ///< of the norms
};

/// Projector of self-distillation (DINO, Caron et al. 2021) with the norms of XKD (Sarkar and Etemad 2024): two hidden
/// layers, both followed by one and the same norm and by gelu; a bottleneck scaled to length 1; weight-normalized
/// outputs with frozen gains, which are cosines; a norm without weights. [..., In] -> [..., outputs].
template <class D, isize In, distillation_head_config C = distillation_head_config{}> struct distillation_head {
  linear<D, In, C.hidden> expand;
  linear<D, C.hidden, C.hidden> middle;
  layer_norm<D, C.hidden, norm_config{C.epsilon}> norm;
  linear<D, C.hidden, C.bottleneck> contract;
  weight_normalized<D, C.bottleneck, C.outputs> last;

  constexpr distillation_head() {
    expand.weight.set_start(init::truncated_normal(0.02));
    middle.weight.set_start(init::truncated_normal(0.02));
    contract.weight.set_start(init::truncated_normal(0.02));
    last.direction.set_start(init::truncated_normal(0.02));
    last.gain.set_trainable(false);
  }
  constexpr void members(auto&& visit) {
    visit("expand", expand);
    visit("norm", norm);
    visit("middle", middle);
    visit("contract", contract);
    visit("last", last);
  }
  template <value X> constexpr auto operator()(const X& x) const {
    const auto y = contract(gelu(norm(middle(gelu(norm(expand(x)))))));
    return apply(layer_norm_op<distillation_head>{C.epsilon}, last(l2_normalize(y)));
  }
};

}  // namespace multifuse
