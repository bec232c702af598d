#pragma once
#include <multifuse/layers/batch_norm.hpp>
#include <multifuse/layers/layer_norm.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

template <class D> auto normed_input(check::source& draw) {
  return draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<3>, mf::width<5>>(2));
}

template <class D> struct layer_norm_example {
  static constexpr std::string_view name = "layer norm";
  mf::layer_norm<D, 5> first;
  mf::layer_norm<D, 5, mf::norm_config{0.1}> second;
  constexpr void members(auto&& visit) { visit("first", first), visit("second", second); }
  auto inputs(check::source& draw) const { return mf::make_pack(normed_input<D>(draw)); }
  constexpr auto operator()(const auto& x) const { return second(first(x) * x); }
};

/// Without a bias, and without a scale; rows longer than a vector.
template <class D> struct bare_layer_norm_example {
  static constexpr std::string_view name = "layer norm without bias, without scale";
  struct layer;
  mf::parameter<D, mf::width<11>> scale{mf::init::ones()};
  constexpr void members(auto&& visit) { visit("scale", scale); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::width<>>(3, 11)));
  }
  constexpr auto operator()(const auto& x) const {
    using norm = mf::layer_norm_op<layer>;
    return mf::apply(norm{1e-5}, x, scale) * mf::apply(norm{0.1}, x * x);
  }
};

template <class D, bool Training> struct batch_norm_base {
  static constexpr bool training = Training;
  mf::batch_norm<D, 5> norm;
  constexpr void members(auto&& visit) { visit("norm", norm); }
  auto inputs(check::source& draw) const { return mf::make_pack(normed_input<D>(draw)); }
  constexpr auto operator()(const auto& x) const { return norm(x) * x; }
};
template <class D> struct batch_norm_training_example : batch_norm_base<D, true> {
  static constexpr std::string_view name = "batch norm in training";
};
template <class D> struct batch_norm_evaluation_example : batch_norm_base<D, false> {
  static constexpr std::string_view name = "batch norm in evaluation";
};

}  // namespace described
