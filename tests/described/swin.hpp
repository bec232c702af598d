#pragma once
#include <multifuse/layers/patch_merging.hpp>
#include <multifuse/layers/repeat.hpp>
#include <multifuse/layers/swin_block.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// A block and a shifted block on a grid whose columns are shifted and whose rows fit into one window.
template <class D> struct swin_block_example {
  static constexpr std::string_view name = "Swin V2 blocks";
  static constexpr mf::window_grid grid{.rows = 2, .columns = 6, .window = 3, .pretrained_window = 5, .position_hidden = 4};
  mf::repeat<mf::swin_block<D, 4, 2, grid, 5>, 2> blocks;
  swin_block_example() { blocks[1].shifted = true; }
  constexpr void members(auto&& visit) { visit("blocks", blocks); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<12>, mf::width<4>>(2)));
  }
  constexpr auto operator()(const auto& x) const { return blocks(x); }
};

template <class D> struct patch_merging_example {
  static constexpr std::string_view name = "patch merging";
  mf::patch_merging<D, 4, 2, 3> merging;
  constexpr void members(auto&& visit) { visit("merging", merging); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<8>, mf::width<3>>(2)));
  }
  constexpr auto operator()(const auto& x) const { return merging(x); }
};

}  // namespace described
