#pragma once
#include <multifuse/ops/reduce.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// Every reduction along every kind of axis, static and dynamic, and over everything.
template <class D> struct reduce_example {
  static constexpr std::string_view name = "sum, mean, max and min";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<3>, mf::width<5>>(2)));
  }
  constexpr auto operator()(const auto& x) const {
    const auto by_token = mf::max<mf::width_axis>(x) + mf::mean<mf::width_axis>(x * x);            // [batch, tokens]
    const auto by_width = mf::sum<mf::tokens_axis>(x * x) * mf::min<mf::tokens_axis>(x);           // [batch, width]
    const auto by_item = mf::mean<mf::tokens_axis, mf::width_axis>(x * x) - mf::sum<mf::batch_axis>(mf::sum<mf::width_axis>(by_width));
    return mf::sum<mf::tokens_axis>(by_token) * by_item + mf::mean(mf::sigmoid(x)) * mf::sum(by_token);
  }
};

}  // namespace described
