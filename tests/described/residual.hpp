#pragma once
#include <multifuse/layers/factorized_convolution.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// A block that keeps the extents behind one that changes them, over images.
template <class D> struct residual_block_example {
  static constexpr std::string_view name = "residual block";
  static constexpr bool training = true;
  template <mf::isize In, mf::isize Stride>
  using layer = mf::convolution<D, In, 4, mf::window_config{.kernel = {3, 3}, .stride = {Stride, Stride}, .padding = {1, 1}},
                                1, false>;
  using skip = mf::projection_shortcut<D, 3, 4, mf::window_config{.kernel = {1, 1}, .stride = {2, 2}}>;
  mf::residual_block<D, 4, layer<3, 2>, layer<4, 1>, skip> first;
  mf::residual_block<D, 4, layer<4, 1>, layer<4, 1>> second;
  constexpr void members(auto&& visit) { visit("first", first), visit("second", second); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::rows<5>, mf::columns<>, mf::channels<3>>(2, 4)));
  }
  constexpr auto operator()(const auto& x) const { return second(first(x)); }
};

/// Two convolutions factorized over space and time, one with strides and another number of channels between.
template <class D> struct factorized_convolution_example {
  static constexpr std::string_view name = "convolution factorized over space and time";
  mf::factorized_convolution<D, 2, 3> first;
  mf::factorized_convolution<D, 3, 2, mf::factorized_config{.kernel = 5, .stride = 2, .frames = 1, .norm = {.epsilon = 0.1}}, 4>
      second;
  constexpr void members(auto&& visit) { visit("first", first), visit("second", second); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(
        draw.normal<D>(mf::shape<mf::batch<>, mf::frames<>, mf::rows<4>, mf::columns<3>, mf::channels<2>>(2, 3)));
  }
  constexpr auto operator()(const auto& x) const { return second(first(x)); }
};

}  // namespace described
