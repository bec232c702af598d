#pragma once
#include <multifuse/layers/token_pooling.hpp>
#include <multifuse/ops/attention_probabilities.hpp>
#include <multifuse/ops/block_sparse.hpp>
#include <multifuse/ops/reduce.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

template <class D> struct largest_values_example {
  static constexpr std::string_view name = "largest values";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<7>, mf::width<3>>(2)));
  }
  constexpr auto operator()(const auto& x) const {
    return mf::largest_values<mf::tokens_axis, 3>(x) * mf::sum<mf::tokens_axis>(mf::largest_values<mf::width_axis, 1>(x));
  }
};

/// Attention weights with and without a bias that hides keys; queries used twice.
template <class D> struct attention_probabilities_example {
  static constexpr std::string_view name = "attention probabilities";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<5>, mf::width<6>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<2>, mf::tokens<5>, mf::width<>>(6)),
                         draw.normal<D>(mf::shape<mf::heads<2>, mf::keys<5>>()));
  }
  constexpr auto operator()(const auto& q, const auto& k, const auto& bias) const {
    const auto hidden = mf::block_sparse_bias<5>({.stride = 3, .expressivity = 1}, q);
    return mf::attention_probabilities<2>(q, k, {}, bias) * mf::attention_probabilities<2>(k, q, {.scale = 0.7}, hidden);
  }
};

/// The kinds that look at channels or windows.
template <class D> struct window_pooling_example {
  using kind = mf::pooling_kind;
  static constexpr std::string_view name = "token pooling by windows and channels";
  mf::token_pooling<mf::token_pooling_config{.kind = kind::max, .window = 4, .padding = 1}> most;
  mf::token_pooling<mf::token_pooling_config{.kind = kind::average, .window = 4, .padding = 1}> mean;
  mf::token_pooling<mf::token_pooling_config{.kind = kind::weighted_average, .window = 4, .padding = 1}> weighted;
  mf::token_pooling<mf::token_pooling_config{.kind = kind::largest_values, .kept = 3}> largest;
  mf::token_pooling<mf::token_pooling_config{.kind = kind::none}> nothing;
  constexpr void members(auto&& visit) {
    visit("most", most), visit("mean", mean), visit("weighted", weighted), visit("largest", largest);
    visit("nothing", nothing);
  }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<11>, mf::width<3>>(2)),
                         draw.uniform<D>(mf::shape<mf::batch<>, mf::tokens<11>>(2), 0.1, 1));
  }
  constexpr auto operator()(const auto& x, const auto& scores) const {
    return most(x) * mean(mf::tanh(x)) + weighted(x, scores) * largest(nothing(x));
  }
};

/// The kinds that keep whole tokens.
template <class D> struct token_choice_example {
  using kind = mf::pooling_kind;
  static constexpr std::string_view name = "token pooling by choice";
  mf::token_pooling<mf::token_pooling_config{.kind = kind::top_tokens, .kept = 4}> top;
  mf::token_pooling<mf::token_pooling_config{.kind = kind::medoids, .kept = 4}> medoids;
  mf::token_pooling<mf::token_pooling_config{.kind = kind::sampled_tokens, .kept = 4}> sampled;
  mf::token_pooling<mf::token_pooling_config{.kind = kind::random_tokens, .kept = 4}> random;
  mf::token_pooling<mf::token_pooling_config{.kind = kind::strided_random, .window = 3, .padding = 1}> strided;
  constexpr void members(auto&& visit) {
    visit("top", top), visit("medoids", medoids), visit("sampled", sampled), visit("random", random);
    visit("strided", strided);
  }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<10>, mf::width<3>>(2)),
                         draw.uniform<D>(mf::shape<mf::batch<2>, mf::tokens<10>>(), 0.1, 1));
  }
  constexpr auto operator()(const auto& x, const auto& scores) const {
    return top(x, scores) * medoids(mf::tanh(x), scores) + sampled(x, scores) * random(x) * strided(x);
  }
};

}  // namespace described
