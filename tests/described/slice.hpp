#pragma once
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/ops/slice.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// Static and dynamic slices of a middle and of the last axis, some elements used twice and some not at all.
template <class D> struct slice_example {
  static constexpr std::string_view name = "slice, parts";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<7>, mf::width<3>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<2>, mf::tokens<>, mf::width<6>>(6)));
  }
  constexpr auto operator()(const auto& a, const auto& b) const {
    const auto first = mf::slice<mf::tokens_axis, 1, 2>(a);
    const auto second = mf::slice<mf::tokens_axis>(mf::tanh(a), 2, 2);
    const auto half = mf::parts<mf::width_axis, 3, 3>(b);
    const auto third = mf::parts<mf::tokens_axis>(mf::get<0>(half) * mf::get<1>(half), 2, 2, 2);
    return first * mf::slice_of<mf::tokens_axis, 2>(a, 3) * second +
           mf::get<0>(third) * mf::get<2>(third) * mf::get<1>(third);
  }
};

template <class D> struct cyclic_example {
  static constexpr std::string_view name = "flip, roll";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::frames<5>, mf::width<>>(2, 3)));
  }
  constexpr auto operator()(const auto& x) const {
    return mf::flip<mf::frames_axis>(x) * x +
           mf::roll<mf::frames_axis>(mf::square(x), 2) * mf::roll<mf::width_axis>(x, -4) * mf::flip<mf::batch_axis>(x);
  }
};

}  // namespace described
