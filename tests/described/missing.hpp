#pragma once
#include <multifuse/layers/gated_linear.hpp>
#include <multifuse/layers/missing_token.hpp>
#include <multifuse/layers/sequence_network.hpp>
#include <multifuse/losses/combinatorial.hpp>
#include <multifuse/losses/similarity_ranking.hpp>

#include "../support/check.hpp"

/// Everything that embeds streams of which items lack some, and compares what they have.
namespace described {

namespace mf = multifuse;

template <class D> struct gated_linear_example {
  static constexpr std::string_view name = "gated linear layer";
  mf::gated_linear<D, 3, 5> layer;
  constexpr void members(auto&& visit) { visit("layer", layer); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<2>, mf::tokens<>, mf::width<3>>(3)));
  }
  constexpr auto operator()(const auto& x) const { return layer(x); }
};

/// Two stages, of two blocks and of one, in training; an odd number of frames.
template <class D> struct sequence_network_example {
  static constexpr std::string_view name = "residual network over time";
  static constexpr bool training = true;
  mf::sequence_network<D, 4, mf::sequence_network_config{.widths = {3, 3, 5}, .blocks = {2, 1}, .taps = 3}> network;
  constexpr void members(auto&& visit) { visit("network", network); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>(2, 7)));
  }
  constexpr auto operator()(const auto& x) const { return network(x); }
};

/// The masks of the examples below: of three items the second has nothing.
template <class D> auto mask_with_missing_item() {
  return mf::mask_of_lengths<D>(std::array<mf::isize, 3>{2, 0, 4}, 4, 0);
}

template <class D> struct missing_token_example {
  static constexpr std::string_view name = "learned token for items that lack a modality";
  mf::missing_token<D, 3> missing;
  constexpr void members(auto&& visit) { visit("missing", missing); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<4>, mf::width<3>>(3)));
  }
  auto operator()(const auto& x) const {
    const auto y = missing(mf::masked_tokens{mf::evaluate(x * x), mask_with_missing_item<D>()}).tokens;
    return mf::mean_token(mf::masked_tokens{y.content, mf::coarser_mask(y.kept, 4)});
  }
};

template <class D> struct similarity_ranking_example {
  static constexpr std::string_view name = "losses over similarities";
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::width<3>>(5)),
                         draw.normal<D>(mf::shape<mf::batch<5>, mf::width<>>(3)));
  }
  constexpr auto operator()(const auto& a, const auto& b) const {
    return mf::norm_softmax(a, b, 0.6) + mf::margin_softmax(b, a, 0.3) * 2.0 +
           mf::max_margin_ranking(a, b, 0.7) * mf::max_margin_ranking(mf::tanh(b), a, 0.2);
  }
};

template <class D> struct combinatorial_example {
  static constexpr std::string_view name = "weighted loss over pairs of streams that items have";
  auto inputs(check::source& draw) const {
    using rows = mf::shape<mf::batch<>, mf::width<3>>;
    return mf::make_pack(draw.normal<D>(rows(4)), draw.normal<D>(rows(4)), draw.normal<D>(rows(4)));
  }
  auto operator()(const auto& a, const auto& b, const auto& c) const {
    using flags = mf::tensor<D, mf::shape<mf::batch<>>>;
    const auto of = [](const std::vector<float>& values) {
      return flags(mf::shape<mf::batch<>>(4), std::vector<typename D::scalar>(values.begin(), values.end()));
    };
    return mf::combinatorial_loss([](const auto& x, const auto& y) { return mf::norm_softmax(x, y, 0.6); },
                                  mf::weighted_pair{1, a, b, of({1, 0, 1, 1})},
                                  mf::weighted_pair{0.3, b, c, of({1, 1, 1, 1})},
                                  mf::weighted_pair{0, a, c, of({1, 1, 1, 1})},
                                  mf::weighted_pair{2, a, c, of({0, 0, 0, 0})});
  }
};

}  // namespace described
