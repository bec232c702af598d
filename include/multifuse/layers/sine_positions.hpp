#pragma once
#include <cmath>

#include "../ops/computed.hpp"
#include "../ops/pointwise.hpp"
#include "patch_embedding.hpp"

namespace multifuse {

/// Which axis of a grid of tokens a run of channels tells.
enum class grid_axis { frames, rows, columns };

/// Runs of channels, one behind the other; a width of 0 means none. The default is that of images in masked
/// autoencoders of width 768 (He et al. 2022). An audio spectrogram has {rows, 384}, {columns, 384}, a video {frames,
/// 192}, {columns, 288}, {rows, 288}, with frequencies as rows.
struct sine_layout {
  struct run {
    grid_axis axis = grid_axis::columns;
    isize channels = 0;  ///< an even number
  };
  run first{grid_axis::columns, 384}, second{grid_axis::rows, 384}, third{};

  constexpr isize width() const { return first.channels + second.channels + third.channels; }
  constexpr bool even() const {
    return first.channels % 2 == 0 && second.channels % 2 == 0 && third.channels % 2 == 0 && width() > 0;
  }
};

namespace detail {
/// Of a run of n channels: the sines of p * 10000^(-2 k / n), k = 0 ... n / 2 - 1, then the cosines.
template <sine_layout L> struct sine_formula {
  isize rows, columns;
  MULTIFUSE_HD double operator()(isize element) const {
    const isize token = element / L.width();
    isize channel = element % L.width();
    sine_layout::run run = L.first;
    if (channel >= run.channels) channel -= run.channels, run = L.second;
    if (channel >= run.channels) channel -= run.channels, run = L.third;
    const isize place = run.axis == grid_axis::columns ? token % columns
                        : run.axis == grid_axis::rows  ? token / columns % rows
                                                       : token / columns / rows;
    const isize half = run.channels / 2;
    const double angle = double(place) * std::exp(-9.210340371976184 * double(channel % half) / double(half));
    return channel < half ? std::sin(angle) : std::cos(angle);
  }
};
}  // namespace detail

/// Adds fixed vectors that tell the places of tokens of a grid, frames first, then row by row: [batch, tokens, width]
/// -> the same. There is no table: any grid will do, and parts of one have the places of the whole's beginning.
template <class D, sine_layout L>
  requires(L.even())
struct sine_positions {
  template <value X> constexpr auto operator()(const X& x, patch_size grid) const {
    return evaluate(x + computed(shape<tokens<>, width<L.width()>>(grid.elements()),
                                 detail::sine_formula<L>{grid.rows, grid.columns}, x));
  }
};

}  // namespace multifuse
