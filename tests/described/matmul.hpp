#pragma once
#include <multifuse/ops/matmul.hpp>
#include <multifuse/ops/rearrange.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// Both places of the inner axis, with and without batch axes, one value as both factors.
template <class D> struct matmul_example {
  static constexpr std::string_view name = "matmul";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::heads<2>, mf::queries<3>, mf::width<5>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::heads<2>, mf::keys<>, mf::width<5>>(2, 4)),
                         draw.normal<D>(mf::shape<mf::width<5>, mf::channels<>>(3)),
                         draw.normal<D>(mf::shape<mf::channels<>, mf::keys<4>>(3)));
  }
  constexpr auto operator()(const auto& q, const auto& k, const auto& weight, const auto& table) const {
    const auto scores = mf::matmul<mf::width_axis>(q, k);                  // [batch, heads, queries, keys]
    const auto mixed = mf::matmul<mf::keys_axis>(scores, k);               // [batch, heads, queries, width]
    const auto shared = mf::matmul<mf::width_axis>(mixed * q, weight);     // [batch, heads, queries, channels]
    return mf::matmul<mf::keys_axis>(scores * scores, table) + shared;
  }
};

/// A matrix times its own transpose: its gradient comes from both factors.
template <class D> struct gram_matrix_example {
  static constexpr std::string_view name = "matmul of a value with itself";
  auto inputs(check::source& draw) const { return mf::make_pack(draw.normal<D>(mf::shape<mf::rows<3>, mf::width<>>(4))); }
  auto operator()(const auto& x) const {
    return mf::matmul<mf::width_axis>(x, mf::rename<mf::rows_axis, mf::columns_axis>(x));
  }
};

}  // namespace described
