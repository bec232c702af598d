#pragma once
#include "residual_block.hpp"

namespace multifuse {

/// Square kernel and stride over an image, kernel and stride over time. Kernels are odd; half of them is padding.
struct factorized_config {
  isize kernel = 3, stride = 1;
  isize frames = 3, frame_stride = 1;
  batch_norm_options norm = {};
};

/// The number of channels between the two parts with which they have as many weights as a full convolution of
/// 3 x 3 x 3 taps, rounded down (Tran et al. 2018, section 3.5).
constexpr isize factorized_channels(isize in, isize out) { return 27 * in * out / (9 * in + 3 * out); }

/// A convolution over space and time as one over space, norm, relu, and one over time ("R(2+1)D": Tran et al., "A
/// Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018): [batch..., frames, rows, columns,
/// In] -> [batch..., frames', rows', columns', Out].
template <class D, isize In, isize Out, factorized_config C = factorized_config{},
          isize Between = factorized_channels(In, Out)>
struct factorized_convolution {
  static_assert(C.kernel % 2 == 1 && C.frames % 2 == 1, "multifuse: kernels of a factorized convolution are odd");
  static constexpr isize between = Between;
  using space = convolution<D, In, Between,
                            window_config{.kernel = {1, C.kernel, C.kernel},
                                          .stride = {1, C.stride, C.stride},
                                          .padding = {0, C.kernel / 2, C.kernel / 2}},
                            1, false>;
  using time = convolution<D, Between, Out,
                           window_config{.kernel = {C.frames, 1, 1},
                                         .stride = {C.frame_stride, 1, 1},
                                         .padding = {C.frames / 2, 0, 0}},
                           1, false>;
  space spatial = he_started<space>();
  batch_norm<D, Between> norm{.options = C.norm};
  time temporal = he_started<time>();

  constexpr void members(auto&& visit) {
    visit("spatial", spatial);
    visit("norm", norm);
    visit("temporal", temporal);
  }
  template <value X> constexpr auto operator()(const X& x) const { return temporal(relu(norm(spatial(x)))); }
};

}  // namespace multifuse
