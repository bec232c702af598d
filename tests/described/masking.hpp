#pragma once
#include <multifuse/layers/grid_positions.hpp>
#include <multifuse/layers/random_masking.hpp>
#include <multifuse/layers/weight_normalized.hpp>
#include <multifuse/ops/reduce.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// An encoder sees three of five tokens, a decoder all places.
template <class D> struct random_masking_example {
  static constexpr std::string_view name = "random masking, mask token";
  mf::mask_token<D, 3> hidden;
  constexpr void members(auto&& visit) { visit("hidden", hidden); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<5>, mf::width<3>>(2)));
  }
  auto operator()(const auto& x) const {
    const auto masking = mf::mask_by_noise(mf::masking_noise<D>(2, 5, {3, 4}), 3);
    const auto seen = mf::visible_part(x, masking);
    return hidden(mf::evaluate(seen * seen), masking);
  }
};

/// Positions of the whole grid, of a smaller view and of another one of as many tokens.
template <class D> struct grid_positions_example {
  static constexpr std::string_view name = "positions of a grid and its views";
  mf::grid_positions<D, mf::patch_size{2, 3, 4}, 3> places;
  mf::grid_positions<D, mf::patch_size{1, 2, 5}, 3, mf::grid_view_config{mf::curve::cubic, true}> bins;
  constexpr void members(auto&& visit) { visit("places", places), visit("bins", bins); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<24>, mf::width<3>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<4>, mf::width<3>>(2)));
  }
  constexpr auto operator()(const auto& whole, const auto& part) const {
    const auto a = places(whole, mf::patch_size{2, 3, 4}), b = places(whole, mf::patch_size{1, 6, 4});
    const auto c = places(part, mf::patch_size{1, 2, 2}), d = bins(part, mf::patch_size{1, 2, 2});
    return mf::sum(a * b) * mf::sum(c * d);
  }
};

template <class D> struct weight_normalized_example {
  static constexpr std::string_view name = "weight-normalized linear";
  mf::weight_normalized<D, 3, 5> layer;
  constexpr void members(auto&& visit) { visit("layer", layer); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<2>, mf::width<3>>(2)));
  }
  constexpr auto operator()(const auto& x) const { return layer(mf::tanh(x)); }
};

}  // namespace described
