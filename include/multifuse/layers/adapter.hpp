#pragma once
#include "../ops/attention.hpp"
#include "../ops/pointwise.hpp"
#include "../ops/rearrange.hpp"
#include "batch_norm.hpp"
#include "convolution.hpp"
#include "layer_norm.hpp"
#include "linear.hpp"
#include "mlp.hpp"

namespace multifuse {

/// What an adapter does with the tokens: a narrow bottleneck of two grouped maps, or one full map.
enum class adapter_kind { bottleneck, linear };

/// The variants of an adapter. The defaults are LAVISH's for audio-visual event localization (Lin et al. 2023).
struct adapter_config {
  isize latents = 2;    ///< tokens through which other modalities are read; 0: they are not read
  isize reduction = 8;  ///< how much narrower the bottleneck is than the tokens
  isize groups = 2;     ///< of features in both maps of the bottleneck, which do not mix
  adapter_kind kind = adapter_kind::bottleneck;
  activation nonlinearity = activation::relu;  ///< inside the bottleneck
  bool batch_norm = true;                      ///< after each map
  bool norm_before = true;                     ///< layer norm of what enters the maps
  bool norm_after = true;                      ///< layer norm of what leaves them
  bool gate = true;                            ///< a learned factor of the result, 0 at first
  bool gate_before_norm = false;               ///< the factor comes before the last layer norm
  initializer latent_start = init::uniform(0, 1);
};

/// The message of a refused bottleneck.
template <isize Width, isize Reduction, isize Groups>
concept groups_divide_bottleneck = Reduction > 0 && Width % Reduction == 0 && Groups > 0 && Width % Groups == 0 &&
                                   Width / Reduction % Groups == 0;

/// A small trained branch beside a frozen layer (LAVISH: Lin et al. 2023, section 3.2): what it returns is added to
/// that layer's result. Its tokens x [batch, tokens, Width] read the tokens of other modalities, [batch, tokens',
/// Width], through a few learned latents L, at a cost of tokens + tokens' times latents,
///   S = L + softmax(L others^T) others,   X = x + g' softmax(x S^T) S,
/// then pass the maps: g norm(up(relu(down(norm(X))))). Both gates g' and g are 0 at first. A lazy expression: its sum
/// with other branches is one pass.
template <class D, isize Width, adapter_config C = adapter_config{}>
  requires(C.kind == adapter_kind::linear) || groups_divide_bottleneck<Width, C.reduction, C.groups>
struct adapter {
  static constexpr bool narrow = C.kind == adapter_kind::bottleneck;
  static constexpr isize hidden = narrow ? Width / C.reduction : Width, groups = narrow ? C.groups : 1;
  static constexpr window_config one_token{.kernel = {1}};

  parameter<D, tokens<(C.latents > 0 ? C.latents : 1)>, width<Width>> latents{C.latent_start};
  parameter<D, width<1>> exchange_gate{init::zeros()}, gate{init::zeros()};
  layer_norm<D, Width, norm_config{1e-5}> norm_before, norm_after;
  convolution<D, Width, hidden, one_token, groups, false> down;
  convolution<D, hidden, Width, one_token, groups, false> up;
  linear<D, Width, Width, false> map;
  batch_norm<D, hidden> hidden_norm;
  batch_norm<D, Width> output_norm;

  constexpr void members(auto&& visit) {
    if constexpr (C.latents > 0) visit("latents", latents), visit("exchange_gate", exchange_gate);
    if constexpr (C.gate) visit("gate", gate);
    if constexpr (C.norm_before) visit("norm_before", norm_before);
    if constexpr (narrow)
      visit("down", down), visit("up", up);
    else
      visit("map", map);
    if constexpr (C.batch_norm && narrow) visit("hidden_norm", hidden_norm);
    if constexpr (C.batch_norm) visit("output_norm", output_norm);
    if constexpr (C.norm_after) visit("norm_after", norm_after);
  }

  /// Adapts x to what it reads in `others`, the tokens of all other modalities one after the other.
  template <value X, value Others> constexpr auto operator()(const X& expression, const Others& others) const {
    const auto x = evaluate(expression);
    if constexpr (C.latents == 0)
      return adapt(x);
    else
      return adapt(evaluate(x + exchange_gate * read(x, gather_latents(x, others))));
  }
  /// Adapts x alone.
  template <value X>
    requires(C.latents == 0)
  constexpr auto operator()(const X& x) const {
    return adapt(x);
  }

  /// The latents after they have read the other modalities: [batch, latents, Width].
  template <value X, value Others> constexpr auto gather_latents(const X& x, const Others& others) const {
    const auto mine = expand_batch(latents, x);
    return evaluate(mine + attention<1>(mine, others, others, {.scale = 1}));
  }

 private:
  template <value X, value S> static constexpr auto read(const X& x, const S& summary) {
    return attention<1>(x, summary, summary, {.scale = 1});
  }
  template <value X> constexpr auto adapt(const X& x) const {
    return finish(mapped(optional<C.norm_before>(norm_before, x)));
  }
  template <value X> constexpr auto mapped(const X& x) const {
    if constexpr (narrow)
      return normalized(up(activate<C.nonlinearity>(optional<C.batch_norm>(hidden_norm, down(x)))));
    else
      return normalized(map(x));
  }
  template <value X> constexpr auto normalized(const X& x) const { return optional<C.batch_norm>(output_norm, x); }
  template <value X> constexpr auto finish(const X& x) const {
    if constexpr (C.gate_before_norm)
      return optional<C.norm_after>(norm_after, gated(x));
    else
      return gated(optional<C.norm_after>(norm_after, x));
  }
  template <value X> constexpr auto gated(const X& x) const {
    if constexpr (C.gate)
      return gate * x;
    else
      return x;
  }
  template <bool Used, class Layer, value X> static constexpr auto optional(const Layer& layer, const X& x) {
    if constexpr (Used)
      return layer(x);
    else
      return x;
  }
};

}  // namespace multifuse
