#pragma once
#include <multifuse/ops/normalize.hpp>
#include <multifuse/ops/reduce.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// Some rows longer than epsilon and some shorter, one of each far from it.
template <class D> struct l2_normalize_example {
  static constexpr std::string_view name = "l2_normalize";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<3>, mf::width<11>>(2)),
                         draw.normal<D>(mf::shape<mf::tokens<>, mf::width<3>>(4)));
  }
  constexpr auto operator()(const auto& x, const auto& other) const {
    const auto y = mf::l2_normalize(x, 3.3) * mf::l2_normalize(x * x) + mf::l2_normalize(x, 100);
    const auto z = mf::l2_normalize(other, 1.5);
    return mf::sum<mf::width_axis>(y) * mf::sum(z * z * z);
  }
};

}  // namespace described
