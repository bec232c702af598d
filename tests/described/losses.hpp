#pragma once
#include <multifuse/losses/binary_cross_entropy.hpp>
#include <multifuse/losses/contrastive.hpp>
#include <multifuse/losses/cross_entropy.hpp>
#include <multifuse/losses/squared_error.hpp>
#include <multifuse/losses/triplet.hpp>
#include <multifuse/ops/pointwise.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// Numbers 0.2 ... 1.5 that no gradient is asked of, the same for every device.
template <class D, class S> auto fixed(const S& shape) {
  if constexpr (std::is_same_v<D, mf::meta>)
    return mf::tensor<mf::meta, S>(shape);
  else
    return check::source(5).uniform<D>(shape, 0.2, 1.5);
}

template <class D> struct cross_entropy_example {
  static constexpr std::string_view name = "cross-entropy";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<3>, mf::width<5>>(2), 3),
                         draw.integers<D>(mf::shape<mf::batch<2>, mf::tokens<>>(3), 5));
  }
  constexpr auto operator()(const auto& x, const auto& labels) const {
    const auto soft = fixed<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<5>>(2, 3));
    const auto weights = fixed<D>(mf::shape<mf::batch<>, mf::tokens<3>>(2));
    return mf::cross_entropy(x, labels) + mf::cross_entropy(mf::tanh(x), labels, weights, {.smoothing = 0.3}) +
           mf::cross_entropy(x, soft, {.smoothing = 0.1}) * mf::cross_entropy(x, soft, weights);
  }
};

template <class D> struct binary_cross_entropy_example {
  static constexpr std::string_view name = "binary cross-entropy";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<3>, mf::width<5>>(2), 3),
                         draw.uniform<D>(mf::shape<mf::batch<>, mf::width<4>>(3), 0.05, 0.95));
  }
  constexpr auto operator()(const auto& x, const auto& p) const {
    const auto targets = fixed<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<5>>(2, 3));
    const auto weights = fixed<D>(mf::shape<mf::batch<>, mf::tokens<3>>(2));
    const auto shares = fixed<D>(mf::shape<mf::batch<3>, mf::width<>>(4)) * 0.5;
    return mf::binary_cross_entropy(x, targets) * 2.0 +
           mf::binary_cross_entropy(mf::tanh(x), targets, {mf::reduction::sum_over_last_axis, 0.3}) +
           mf::binary_cross_entropy(x, targets, weights, {mf::reduction::sum_over_last_axis, 0.1}) +
           mf::binary_cross_entropy_of_probabilities(p, shares);
  }
};

template <class D> struct squared_error_example {
  static constexpr std::string_view name = "squared error";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<3>, mf::width<5>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<2>, mf::tokens<>, mf::width<5>>(3)));
  }
  constexpr auto operator()(const auto& x, const auto& y) const {
    const auto weights = fixed<D>(mf::shape<mf::batch<>, mf::tokens<3>>(2));
    return mf::squared_error(x, y) + mf::squared_error(mf::tanh(y), x, weights, mf::reduction::sum_over_last_axis);
  }
};

template <class D> struct contrastive_example {
  static constexpr std::string_view name = "InfoNCE, NT-Xent";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::width<3>>(5)),
                         draw.normal<D>(mf::shape<mf::batch<5>, mf::width<>>(3)));
  }
  constexpr auto operator()(const auto& a, const auto& b) const {
    return mf::info_nce(a, b, {0.7}) * 2.0 +
           mf::info_nce(mf::tanh(b), a, {0.5, mf::contrast_direction::first_to_second}) + mf::nt_xent(a, b, 0.8) +
           mf::nt_xent(a, mf::tanh(a));
  }
};

template <class D> struct triplet_example {
  static constexpr std::string_view name = "triplet";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<4>, mf::width<3>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<2>, mf::tokens<>, mf::width<3>>(4)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<>>(2, 4, 3)));
  }
  constexpr auto operator()(const auto& a, const auto& p, const auto& n) const {
    return mf::triplet(a, p, n, {.margin = 0.5}) + mf::triplet(mf::tanh(p), n, a, {1.0, mf::row_distance::squared}) +
           mf::triplet(a, a, n, {.margin = 1.2});
  }
};

}  // namespace described
