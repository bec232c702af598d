#pragma once
#include <multifuse/ops/dropout.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

template <class D> struct dropout_example {
  static constexpr std::string_view name = "dropout";
  static constexpr bool training = true;
  mf::random_stream stream;
  constexpr void members(auto&& visit) { visit("stream", stream); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<3>, mf::width<7>>(2)));
  }
  constexpr auto operator()(const auto& x) const {
    return mf::dropout(mf::tanh(x), 0.4, stream) * x + mf::dropout(x, 0.3, stream);
  }
};

template <class D> struct drop_path_example {
  static constexpr std::string_view name = "stochastic depth";
  static constexpr bool training = true;
  mf::random_stream stream;
  constexpr void members(auto&& visit) { visit("stream", stream); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<2>, mf::width<3>>(5)));
  }
  constexpr auto operator()(const auto& x) const {
    return x + mf::drop_path(mf::square(x), 0.5, stream, mf::rescale::yes) +
           mf::drop_path(mf::tanh(x), 0.4, stream, mf::rescale::no);
  }
};

}  // namespace described
