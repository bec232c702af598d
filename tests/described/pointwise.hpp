#pragma once
#include <multifuse/ops/linear.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// Every arithmetic function, with all kinds of broadcasting and operands used twice.
template <class D> struct pointwise_example {
  static constexpr std::string_view name = "pointwise";
  mf::parameter<D, mf::tokens<5>, mf::width<3>> table{mf::init::normal(1)};
  mf::parameter<D, mf::width<3>> row{mf::init::normal(1)};
  mf::parameter<D, mf::batch<1>, mf::tokens<1>, mf::width<3>> single{mf::init::normal(1)};
  constexpr void members(auto&& visit) { visit("table", table); visit("row", row); visit("single", single); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<5>, mf::width<3>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>>(2, 5)));
  }
  constexpr auto operator()(const auto& x, const auto& column) const {
    return mf::gelu(x + table) * x - mf::tanh(row) * x / (mf::square(column) + 1.0) + 2.0 * mf::gelu_tanh(single - x) * row +
           mf::sigmoid(x) * mf::relu(column) - mf::maximum(x, table) * mf::minimum(x, column);
  }
};

/// Functions with restricted domains.
template <class D> struct positive_pointwise_example {
  static constexpr std::string_view name = "pointwise on positive numbers";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.uniform<D>(mf::shape<mf::batch<>, mf::width<7>>(3), 0.5, 2.0));
  }
  constexpr auto operator()(const auto& x) const { return mf::log(x) + mf::sqrt(x) * mf::exp(-x) + mf::abs(x - 1.0); }
};

template <class D> struct linear_example {
  static constexpr std::string_view name = "linear";
  struct layer;
  mf::parameter<D, mf::width<5>, mf::channels<3>> weight{mf::init::normal(1)}, second{mf::init::normal(1)};
  mf::parameter<D, mf::width<5>> bias{mf::init::normal(1)};
  constexpr void members(auto&& visit) { visit("weight", weight); visit("second", second); visit("bias", bias); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<7>, mf::width<3>>(2)));
  }
  constexpr auto operator()(const auto& x) const {
    return mf::apply(mf::linear_op<layer>{}, x, weight, bias) + mf::apply(mf::linear_op<layer>{}, mf::relu(x), second);
  }
};

}  // namespace described
