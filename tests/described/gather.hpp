#pragma once
#include <multifuse/ops/gather.hpp>
#include <multifuse/ops/pointwise.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

template <class D> struct gather_example {
  static constexpr std::string_view name = "gather";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::heads<2>, mf::tokens<5>, mf::width<3>>(3)),
                         draw.integers<D>(mf::shape<mf::batch<3>, mf::keys<>>(4), 5),
                         draw.integers<D>(mf::shape<mf::keys<>>(4), 5));
  }
  constexpr auto operator()(const auto& x, const auto& each, const auto& common) const {
    return mf::gather<mf::tokens_axis>(x, each) * mf::gather<mf::tokens_axis>(mf::tanh(x), common);
  }
};

template <class D> struct scatter_example {
  static constexpr std::string_view name = "scatter";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<2>, mf::keys<>, mf::width<19>>(6)),
                         draw.integers<D>(mf::shape<mf::batch<>, mf::keys<6>>(2), 4),
                         draw.integers<D>(mf::shape<mf::keys<6>>(), 4));
  }
  constexpr auto operator()(const auto& x, const auto& each, const auto& common) const {
    return mf::scatter<mf::tokens_axis>(x, each, 4) * mf::scatter<mf::tokens_axis, 4>(mf::square(x), common) +
           mf::square(mf::scatter<mf::tokens_axis>(x, common, 4));
  }
};

template <class D> struct embedding_lookup_example {
  static constexpr std::string_view name = "embedding lookup";
  mf::parameter<D, mf::channels<6>, mf::width<5>> table{mf::init::normal(1)};
  constexpr void members(auto&& visit) { visit("table", table); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.integers<D>(mf::shape<mf::batch<>, mf::tokens<4>>(2), 6),
                         draw.normal<D>(mf::shape<mf::batch<2>, mf::tokens<>, mf::width<5>>(4)));
  }
  constexpr auto operator()(const auto& ids, const auto& x) const {
    return mf::embedding_lookup(table, ids) * x;
  }
};

}  // namespace described
