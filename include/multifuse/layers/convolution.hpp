#pragma once
#include "../ops/convolution.hpp"
#include "../tape/members.hpp"

namespace multifuse {

struct taps_axis { static constexpr std::string_view name = "taps"; };

/// The message of a refused number of groups.
template <isize In, isize Out, isize Groups>
concept groups_divide_channels = Groups > 0 && In % Groups == 0 && Out % Groups == 0;

/// Convolution over one to three spatial axes, channels last: [batch..., spatial..., In] -> [batch..., spatial'...,
/// Out]. Example: `convolution<dev, 64, 128, window_config{.kernel = {3, 3}, .padding = {1, 1}}>` on [batch, rows,
/// columns, 64]. Weight [Out, taps, In / Groups], taps in the order of the axes; bias [Out]. Throws shape_error if the
/// kernel does not fit.
template <class D, isize In, isize Out, window_config C, isize Groups = 1, bool Bias = true>
  requires valid_windows<C> && groups_divide_channels<In, Out, Groups>
struct convolution {
  parameter<D, outputs<Out>, axis<taps_axis, C.taps()>, inputs<In / Groups>> weight{
      init::fan_in_uniform(C.taps() * In / Groups)};
  parameter<D, outputs<Out>> bias{init::fan_in_uniform(C.taps() * In / Groups)};

  constexpr void members(auto&& visit) {
    visit("weight", weight);
    if constexpr (Bias) visit("bias", bias);
  }
  template <value X> constexpr auto operator()(const X& x) const {
    if constexpr (Bias)
      return apply(convolution_op<convolution, C, Groups>{}, x, weight, bias);
    else
      return apply(convolution_op<convolution, C, Groups>{}, x, weight);
  }
};

}  // namespace multifuse
