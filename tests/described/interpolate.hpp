#pragma once
#include <multifuse/ops/interpolate.hpp>
#include <multifuse/ops/pointwise.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// A table of positions for another number of tokens.
template <class D, mf::sampling Where> struct interpolated_table_base {
  mf::parameter<D, mf::tokens<7>, mf::width<3>> table{mf::init::normal(1)};
  constexpr void members(auto&& visit) { visit("table", table); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<5>, mf::width<3>>(2)));
  }
  constexpr auto operator()(const auto& x) const { return x * mf::interpolate<mf::tokens_axis>(table, x, Where); }
};
template <class D> struct interpolated_table_example : interpolated_table_base<D, mf::sampling::cells> {
  static constexpr std::string_view name = "positions for fewer tokens (cells)";
};
template <class D> struct cornered_table_example : interpolated_table_base<D, mf::sampling::corners> {
  static constexpr std::string_view name = "positions for fewer tokens (corners)";
};

/// Images that become larger along one axis and much smaller along the other, static and dynamic; the operand is used
/// twice, once as an expression.
template <class D, mf::sampling Where> struct interpolated_image_base {
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::rows<3>, mf::columns<>, mf::channels<2>>(2, 9)));
  }
  constexpr auto operator()(const auto& image) const {
    const auto y = mf::interpolate<mf::rows_axis, 8>(mf::interpolate<mf::columns_axis>(mf::tanh(image), 4, Where), Where);
    const auto single = mf::interpolate<mf::columns_axis, 1>(mf::interpolate<mf::rows_axis, 8>(image, Where), Where);
    return y * mf::expand<mf::columns_axis>(single, 4);
  }
};
template <class D> struct interpolated_image_example : interpolated_image_base<D, mf::sampling::cells> {
  static constexpr std::string_view name = "images of another size (cells)";
};
template <class D> struct cornered_image_example : interpolated_image_base<D, mf::sampling::corners> {
  static constexpr std::string_view name = "images of another size (corners)";
};

/// A cubic curve through elements, along one axis to more and along the other to fewer, with a scale of its own.
template <class D> struct cubic_image_example {
  static constexpr std::string_view name = "images of another size (cubic)";
  mf::parameter<D, mf::rows<5>, mf::columns<7>, mf::channels<2>> table{mf::init::normal(1)};
  constexpr void members(auto&& visit) { visit("table", table); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::rows<8>, mf::columns<3>, mf::channels<2>>(2)));
  }
  constexpr auto operator()(const auto& x) const {
    const mf::resampling cubic(mf::sampling::cells, mf::curve::cubic), cornered(mf::sampling::corners, mf::curve::cubic);
    const mf::resampling scaled(mf::sampling::cells, mf::curve::cubic, 3.1 / 7), stretched(mf::sampling::cells, mf::curve::linear, 1.7);
    const auto on_tape = mf::beside(table, x);
    return x * mf::interpolate<mf::columns_axis, 3>(mf::interpolate<mf::rows_axis>(on_tape, x, cubic), scaled) +
           mf::interpolate<mf::rows_axis, 8>(mf::interpolate<mf::columns_axis, 3>(on_tape, cornered), stretched);
  }
};

}  // namespace described
