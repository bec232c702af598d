#pragma once
#include <multifuse/layers/convolution.hpp>
#include <multifuse/ops/pooling.hpp>
#include <multifuse/ops/reduce.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// One, two and three axes; strides, padding, dilation, groups, depthwise, with and without bias.
template <class D> struct convolution_example {
  static constexpr std::string_view name = "convolution";
  mf::convolution<D, 4, 6, mf::window_config{.kernel = {3}, .stride = {2}, .padding = {2}, .dilation = {2}}, 2> line;
  mf::convolution<D, 6, 3, mf::window_config{.kernel = {2}}, 1, false> narrow;
  mf::convolution<D, 2, 3, mf::window_config{.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 0}}> plane;
  mf::convolution<D, 3, 3, mf::window_config{.kernel = {3, 3}, .padding = {1, 1}}, 3> depthwise;
  mf::convolution<D, 2, 3, mf::window_config{.kernel = {2, 1, 2}, .stride = {1, 2, 1}, .padding = {0, 0, 1}}> volume;
  constexpr void members(auto&& visit) {
    visit("line", line), visit("narrow", narrow), visit("plane", plane), visit("depthwise", depthwise);
    visit("volume", volume);
  }
  auto inputs(check::source& draw) const {
    return mf::make_pack(
        draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<7>, mf::channels<4>>(2)),
        draw.normal<D>(mf::shape<mf::batch<>, mf::rows<>, mf::columns<4>, mf::channels<2>>(2, 5)),
        draw.normal<D>(mf::shape<mf::batch<>, mf::frames<3>, mf::rows<3>, mf::columns<2>, mf::channels<2>>(2)));
  }
  constexpr auto operator()(const auto& a, const auto& b, const auto& c) const {
    const auto pooled = [](const auto& x) { return mf::mean<mf::rows_axis, mf::columns_axis>(mf::square(x)); };
    return mf::mean<mf::tokens_axis>(narrow(line(a))) * pooled(depthwise(plane(b))) +
           pooled(mf::mean<mf::frames_axis>(volume(c)));
  }
};

template <class D> struct pooling_example {
  static constexpr std::string_view name = "pooling";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::rows<5>, mf::columns<>, mf::channels<3>>(2, 4)));
  }
  constexpr auto operator()(const auto& x) const {
    constexpr mf::window_config padded{.kernel = {3, 2}, .stride = {2, 2}, .padding = {1, 1}};
    return mf::max_pool<padded>(x) * mf::average_pool<padded>(x) + mf::average_pool<padded, mf::padding_counts::no>(x);
  }
};

}  // namespace described
