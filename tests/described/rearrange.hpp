#pragma once
#include <multifuse/ops/concat.hpp>
#include <multifuse/ops/rearrange.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// Patches of an image as tokens, by views and one permutation; the image is used twice, once as an expression.
template <class D> struct rearrange_example {
  static constexpr std::string_view name = "split, permute, merge, rename";
  struct patch_rows {
    static constexpr std::string_view name = "patch rows";
  };
  struct patch_columns {
    static constexpr std::string_view name = "patch columns";
  };
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::rows<4>, mf::columns<>, mf::channels<3>>(2, 6)));
  }
  constexpr auto operator()(const auto& image) const {
    const auto cut = mf::split<mf::columns_axis, mf::columns<>, mf::axis<patch_columns, 3>>(
        mf::split<mf::rows_axis, mf::rows<>, mf::axis<patch_rows, 2>>(mf::tanh(image)));
    const auto patches =
        mf::permute<mf::batch_axis, mf::rows_axis, mf::columns_axis, patch_rows, patch_columns, mf::channels_axis>(cut);
    const auto tokens = mf::merge<mf::width_axis, patch_rows, patch_columns, mf::channels_axis>(
        mf::merge<mf::tokens_axis, mf::rows_axis, mf::columns_axis>(patches));
    const auto pixels =
        mf::merge<mf::samples_axis, mf::batch_axis, mf::rows_axis, mf::columns_axis, mf::channels_axis>(image);
    const auto turned =
        mf::permute<mf::width_axis, mf::batch_axis, mf::keys_axis>(mf::rename<mf::tokens_axis, mf::keys_axis>(tokens));
    const auto flat = mf::merge<mf::samples_axis, mf::width_axis, mf::batch_axis, mf::keys_axis>(turned);
    return pixels * flat * flat;
  }
};

/// A parameter repeated over the batch of a value, a table over frames, one token over a dynamic count.
template <class D> struct expand_example {
  static constexpr std::string_view name = "expand";
  mf::parameter<D, mf::tokens<2>, mf::width<3>> token{mf::init::normal(1)};
  constexpr void members(auto&& visit) { visit("token", token); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<1>, mf::width<3>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<3>, mf::width<>>(5)));
  }
  constexpr auto operator()(const auto& single, const auto& table) const {
    const auto tokens = mf::expand_batch(token, single * 2.0) * mf::expand<mf::tokens_axis, 2>(single);
    const auto grown = mf::concat<mf::tokens_axis>(tokens, mf::expand<mf::tokens_axis>(mf::tanh(single), 3));
    const auto frames = mf::expand_like<mf::frames_axis>(
        table, mf::expand<mf::frames_axis>(mf::merge<mf::width_axis, mf::tokens_axis, mf::width_axis>(tokens), 4));
    return mf::concat<mf::samples_axis>(
        mf::merge<mf::samples_axis, mf::batch_axis, mf::tokens_axis, mf::width_axis>(grown),
        mf::merge<mf::samples_axis, mf::frames_axis, mf::batch_axis, mf::width_axis>(mf::square(frames)));
  }
};

}  // namespace described
