#pragma once
#include <multifuse/ops/attention.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

template <class D> auto attention_tokens(check::source& draw, mf::isize count, auto width_axis) {
  return draw.normal<D>(mf::shape<mf::batch<>, mf::frames<2>, mf::tokens<>, decltype(width_axis)>(2, count));
}

/// More queries than one tile, another number of keys, values of another width.
template <class D> struct plain_attention_example {
  static constexpr std::string_view name = "attention";
  auto inputs(check::source& draw) const {
    return mf::make_pack(attention_tokens<D>(draw, 5, mf::width<6>{}), attention_tokens<D>(draw, 7, mf::width<6>{}),
                         attention_tokens<D>(draw, 7, mf::width<9>{}));
  }
  constexpr auto operator()(const auto& q, const auto& k, const auto& v) const {
    return mf::attention<3>(q, k, v, {.queries_at_once = 2});
  }
};

/// One variable in all three places, an explicit scale.
template <class D> struct self_attention_example {
  static constexpr std::string_view name = "attention of a value to itself";
  auto inputs(check::source& draw) const { return mf::make_pack(attention_tokens<D>(draw, 4, mf::width<4>{})); }
  constexpr auto operator()(const auto& x) const {
    return mf::attention<1>(x, x, x, {.scale = 0.7, .queries_at_once = 3});
  }
};

/// Biases for each head, query and key; for each item and key; for each query and key; with and without a mask.
template <class D> struct biased_attention_example {
  static constexpr std::string_view name = "attention with bias and mask";
  auto inputs(check::source& draw) const {
    const int kept[] = {1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1};
    return mf::make_pack(attention_tokens<D>(draw, 3, mf::width<4>{}), attention_tokens<D>(draw, 5, mf::width<4>{}),
                         draw.normal<D>(mf::shape<mf::heads<2>, mf::queries<3>, mf::keys<5>>{}),
                         draw.normal<D>(mf::shape<mf::frames<2>, mf::heads<1>, mf::keys<>>(5)),
                         draw.normal<D>(mf::shape<mf::queries<3>, mf::keys<5>>{}),
                         mf::tensor<D, mf::shape<mf::batch<>, mf::frames<2>, mf::tokens<>>>(
                             {2, 5}, std::vector<typename D::scalar>(std::begin(kept), std::end(kept))));
  }
  constexpr auto operator()(const auto& q, const auto& k, const auto& full, const auto& keys_only, const auto& shared_bias,
                            const auto& mask) const {
    const auto keep = mf::detach(mask);
    return mf::biased_attention<2>(q, k, k, full, {.queries_at_once = 2}, keep) +
           mf::biased_attention<2>(q, k, k, keys_only, {.queries_at_once = 2}) +
           mf::biased_attention<2>(q, k, k, shared_bias, {}) + mf::masked_attention<2>(q, k, k, keep);
  }
};

/// A bias for each score and one for each key; a width known only at run time.
template <class D> struct bias_ranks_example {
  static constexpr std::string_view name = "attention with biases of the highest and the lowest rank";
  auto inputs(check::source& draw) const {
    return mf::make_pack(
        draw.normal<D>(mf::shape<mf::batch<>, mf::frames<2>, mf::tokens<>, mf::width<>>(2, 3, 4)),
        draw.normal<D>(mf::shape<mf::batch<>, mf::frames<2>, mf::tokens<>, mf::width<>>(2, 5, 4)),
        draw.normal<D>(mf::shape<mf::batch<>, mf::frames<2>, mf::heads<2>, mf::queries<>, mf::keys<>>(2, 3, 5)),
        draw.normal<D>(mf::shape<mf::keys<>>(5)));
  }
  constexpr auto operator()(const auto& q, const auto& k, const auto& full, const auto& each_key) const {
    return mf::biased_attention<2>(q, k, k, full, {.queries_at_once = 2}) *
           mf::biased_attention<2>(q, k, k, each_key, {.queries_at_once = 2});
  }
};

}  // namespace described
