#pragma once
#include <multifuse/ops/reduce.hpp>
#include <multifuse/ops/softmax.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// Rows longer and shorter than a vector, static and dynamic; gradients that are added to others.
template <class D> struct softmax_example {
  static constexpr std::string_view name = "softmax and log_softmax";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<2>, mf::width<11>>(3), 2),
                         draw.normal<D>(mf::shape<mf::width<>>(5)));
  }
  constexpr auto operator()(const auto& x, const auto& row) const {
    return mf::softmax(x) * mf::log_softmax(x) + mf::softmax(2.0 * x) * x +
           mf::log_softmax(mf::sum<mf::width_axis>(mf::log_softmax(row) * mf::softmax(row)) + x);
  }
};

}  // namespace described
