#pragma once
#include <multifuse/ops/concat.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// Variables, a parameter and an expression, joined along a middle and along the last axis.
template <class D> struct concat_example {
  static constexpr std::string_view name = "concat";
  mf::parameter<D, mf::batch<2>, mf::tokens<1>, mf::width<3>> token{mf::init::normal(1)};
  constexpr void members(auto&& visit) { visit("token", token); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<4>, mf::width<3>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<2>, mf::tokens<>, mf::width<3>>(5)));
  }
  constexpr auto operator()(const auto& a, const auto& b) const {
    const auto all = mf::concat<mf::tokens_axis>(token, a, b, mf::square(a));
    return mf::square(mf::concat<mf::width_axis>(all, all * 0.5));
  }
};

}  // namespace described
