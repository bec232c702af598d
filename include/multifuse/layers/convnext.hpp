#pragma once
#include <array>

#include "../ops/pointwise.hpp"
#include "../ops/reduce.hpp"
#include "convolution.hpp"
#include "layer_norm.hpp"
#include "mlp.hpp"
#include "repeat.hpp"

namespace multifuse {

/// A ConvNeXt block (Liu et al., "A ConvNet for the 2020s", CVPR 2022, figure 4): depthwise 7x7 convolution, norm, MLP
/// with gelu, scale per channel, residual. [batch, rows, columns, Width] -> the same.
template <class D, isize Width> struct convnext_block {
  convolution<D, Width, Width, window_config{.kernel = {7, 7}, .padding = {3, 3}}, Width> depthwise;
  layer_norm<D, Width> norm;
  mlp<D, Width, 4 * Width> feed_forward;
  parameter<D, channels<Width>> scale{init::constant(1e-6)};

  constexpr void members(auto&& visit) {
    visit("depthwise", depthwise);
    visit("norm", norm);
    visit("mlp", feed_forward);
    visit("scale", scale);
  }
  template <value X> constexpr auto operator()(const X& x) const {
    return evaluate(x + feed_forward(norm(depthwise(x))) * scale);
  }
};

/// Widths and depths of the four stages; the defaults are ConvNeXt-Base.
struct convnext_config {
  std::array<isize, 4> widths{128, 256, 512, 1024};
  std::array<isize, 4> depths{3, 3, 27, 3};
};

namespace detail {
/// What stands in front of stage S: a stem of 4x4 patches, later a halving by 2x2 patches of normed channels.
template <class D, convnext_config C, isize In, std::size_t S> struct convnext_reduction {
  static constexpr isize from = C.widths[S - 1], to = C.widths[S];
  layer_norm<D, from> norm;
  convolution<D, from, to, window_config{.kernel = {2, 2}, .stride = {2, 2}}> halving;
  constexpr void members(auto&& visit) { visit("norm", norm), visit("convolution", halving); }
  constexpr auto operator()(const auto& x) const { return halving(norm(x)); }
};
template <class D, convnext_config C, isize In> struct convnext_reduction<D, C, In, 0> {
  convolution<D, In, C.widths[0], window_config{.kernel = {4, 4}, .stride = {4, 4}}> patches;
  layer_norm<D, C.widths[0]> norm;
  constexpr void members(auto&& visit) { visit("convolution", patches), visit("norm", norm); }
  constexpr auto operator()(const auto& x) const { return norm(patches(x)); }
};
}  // namespace detail

/// The convolutional part of a ConvNeXt: [batch, rows, columns, In] -> [batch, rows / 32, columns / 32, widths[3]].
template <class D, isize In, convnext_config C = convnext_config{}> struct convnext {
  static constexpr convnext_config config = C;
  template <std::size_t S> using reduction = detail::convnext_reduction<D, C, In, S>;
  template <std::size_t S> using blocks = repeat<convnext_block<D, C.widths[S]>, C.depths[S]>;
  sequential<reduction<0>, blocks<0>, reduction<1>, blocks<1>, reduction<2>, blocks<2>, reduction<3>, blocks<3>> stages;

  constexpr void members(auto&& visit) { stages.members(visit); }
  template <value X> constexpr auto operator()(const X& x) const { return stages(x); }

  /// The same; calls `observe(number, value)` after the stem, the blocks, the next reduction, and so on.
  constexpr auto observed(const auto& x, const auto& observe) const { return stages.observed(x, observe); }
};

}  // namespace multifuse
