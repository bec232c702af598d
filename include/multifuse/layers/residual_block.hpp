#pragma once
#include "../ops/pointwise.hpp"
#include "batch_norm.hpp"
#include "convolution.hpp"

namespace multifuse {

/// A layer whose weight starts with He's deviation for the taps and outputs that an input reaches ("fan out"). Layers
/// made of others see to theirs themselves.
template <class Layer> constexpr Layer he_started() {
  Layer layer{};
  if constexpr (requires { layer.weight; })
    layer.weight.set_start(init::he_normal(layer.weight.dims()[0] * layer.weight.dims()[1]));
  return layer;
}

/// Nothing on the way around a residual block.
struct identity_shortcut {
  constexpr const auto& operator()(const auto& x) const { return x; }
};

/// A convolution of one tap, with strides C, and a norm on the way around a block that changes the extents.
template <class D, isize In, isize Out, window_config C, batch_norm_options N = batch_norm_options{}>
struct projection_shortcut {
  convolution<D, In, Out, C, 1, false> projection = he_started<convolution<D, In, Out, C, 1, false>>();
  batch_norm<D, Out> norm{.options = N};
  constexpr void members(auto&& visit) { visit("projection", projection), visit("norm", norm); }
  constexpr auto operator()(const auto& x) const { return norm(projection(x)); }
};

/// The basic block of residual networks (He et al. 2016, figure 2): relu(norm(second(relu(norm(first(x))))) +
/// shortcut(x)), for convolutions First and Second over any number of axes, both with Out channels.
template <class D, isize Out, class First, class Second, class Shortcut = identity_shortcut,
          batch_norm_options N = batch_norm_options{}>
struct residual_block {
  First first = he_started<First>();
  batch_norm<D, Out> first_norm{.options = N};
  Second second = he_started<Second>();
  batch_norm<D, Out> second_norm{.options = N};
  Shortcut shortcut;

  constexpr void members(auto&& visit) {
    visit("first", first);
    visit("first_norm", first_norm);
    visit("second", second);
    visit("second_norm", second_norm);
    visit("shortcut", shortcut);
  }
  template <value X> constexpr auto operator()(const X& x) const {
    const auto inner = second_norm(second(relu(first_norm(first(x)))));
    return evaluate(relu(inner + shortcut(x)));
  }
};

}  // namespace multifuse
