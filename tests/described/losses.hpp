#pragma once
#include <multifuse/losses/cross_entropy.hpp>
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

}  // namespace described
