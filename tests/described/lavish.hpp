#pragma once
#include <multifuse/fusion/fusion_model.hpp>
#include <multifuse/fusion/latent_adapter.hpp>
#include <multifuse/layers/transformer_block.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

/// An adapter of six tokens that read nine others, static and dynamic.
template <class D, mf::adapter_config C> struct adapter_example_base {
  mf::adapter<D, 8, C> layer;
  constexpr void members(auto&& visit) { visit("layer", layer); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<6>, mf::width<8>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<8>>(2, 9)));
  }
  constexpr auto operator()(const auto& x, const auto& others) const { return layer(x, others); }
};

template <class D> struct adapter_example : adapter_example_base<D, mf::adapter_config{.latents = 3, .reduction = 2}> {
  static constexpr std::string_view name = "adapter, running statistics";
};
template <class D>
struct adapter_training_example
    : adapter_example_base<D, mf::adapter_config{.reduction = 4, .groups = 1, .nonlinearity = mf::activation::gelu}> {
  static constexpr std::string_view name = "adapter, statistics of the batch";
  static constexpr bool training = true;
};
template <class D>
struct adapter_gate_first_example
    : adapter_example_base<D, mf::adapter_config{.reduction = 2, .batch_norm = false, .norm_before = false,
                                                 .gate_before_norm = true}> {
  static constexpr std::string_view name = "adapter, gate before the last norm";
};
template <class D>
struct adapter_linear_example
    : adapter_example_base<D, mf::adapter_config{.latents = 0, .kind = mf::adapter_kind::linear, .norm_before = false,
                                                 .norm_after = false}> {
  static constexpr std::string_view name = "adapter of one linear map";
};

struct eyes { static constexpr std::string_view name = "eyes"; };
struct ears { static constexpr std::string_view name = "ears"; };
struct skin { static constexpr std::string_view name = "skin"; };

template <class D> using adapted_block = mf::transformer_block<D, 4, 2, mf::transformer_config{.hidden = 5}>;
inline constexpr mf::adapter_config small_adapters{.reduction = 2, .groups = 1};

/// Three modalities on common frozen blocks; the adapters of one have no gate.
template <class D> struct latent_adapter_example {
  static constexpr std::string_view name = "latent adapters";
  mf::fusion_model<mf::streams<eyes, ears, skin>,
                   mf::stage<2, mf::latent_adapter<adapted_block<D>, small_adapters, mf::streams<skin>>>>
      model;
  latent_adapter_example() { mf::set_trainable(model, "", true); }  // gradients of the blocks as well
  constexpr void members(auto&& visit) { visit("model", model); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<4>, mf::width<4>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<3>, mf::width<4>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>(2, 2)));
  }
  constexpr auto operator()(const auto& a, const auto& b, const auto& c) const { return model(a, b, c); }
};
template <class D> struct lone_adapter_example {
  static constexpr std::string_view name = "latent adapters of one modality";
  mf::fusion_model<mf::streams<eyes>, mf::stage<2, mf::latent_adapter<adapted_block<D>, small_adapters>>> model;
  lone_adapter_example() { mf::set_trainable(model, "", true); }
  constexpr void members(auto&& visit) { visit("model", model); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<4>, mf::width<4>>(2)));
  }
  constexpr auto operator()(const auto& a) const { return model(a); }
};

}  // namespace described
