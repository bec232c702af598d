#pragma once
#include <multifuse/ops/matmul.hpp>
#include <multifuse/ops/rearrange.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// All four orders in memory, with a matrix for each item and one for all.
template <class D> struct matmul_example {
  static constexpr std::string_view name = "matmul";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::heads<2>, mf::tokens<3>, mf::width<4>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::heads<2>, mf::width<4>, mf::tokens<3>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::heads<2>, mf::width<>, mf::keys<5>>(2, 4)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::heads<2>, mf::keys<5>, mf::width<4>>(2)),
                         draw.normal<D>(mf::shape<mf::width<4>, mf::keys<5>>{}),
                         draw.normal<D>(mf::shape<mf::keys<5>, mf::width<4>>{}));
  }
  constexpr auto operator()(const auto& a, const auto& at, const auto& b, const auto& bt, const auto& shared,
                            const auto& shared_t) const {
    using w = mf::width_axis;
    return mf::matmul<w>(a, b) * mf::matmul<w>(at, bt) + mf::matmul<w>(a, bt) * mf::matmul<w>(at, b) +
           mf::matmul<w>(a, shared) * mf::matmul<w>(at, shared_t) -
           mf::matmul<w>(at, shared) * mf::matmul<w>(a, shared_t);
  }
};

/// A matrix times its own transpose: its gradient comes from both factors.
template <class D> struct gram_matrix_example {
  static constexpr std::string_view name = "matmul of a value with itself";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::rows<3>, mf::width<>>(4)));
  }
  auto operator()(const auto& x) const {
    return mf::matmul<mf::width_axis>(x, mf::rename<mf::rows_axis, mf::columns_axis>(x));
  }
};

}  // namespace described
