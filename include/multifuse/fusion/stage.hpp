#pragma once
#include <utility>

#include "each_stream.hpp"
#include "join.hpp"

namespace multifuse {

/// Depth layers of a fusion strategy: `stage<8, unimodal<transformer_block<dev, 768, 12>>>`. The strategy is a recipe
/// with `template <isize Depth, class Modalities> struct layers`, whose objects map a bundle to a bundle.
template <isize Depth, class Recipe> struct stage {
  template <class Modalities> using over = typename Recipe::template layers<Depth, Modalities>;
};

/// Hands its input on: a stage of depth 0.
struct pass_through {
  template <class X> constexpr const X& operator()(const X& x) const { return x; }
};
template <class Recipe> struct stage<0, Recipe> {
  template <class Modalities> using over = pass_through;
};

namespace detail {

struct no_observer {
  constexpr void operator()(isize, const auto&) const {}
};

/// The loop of every strategy: `begin` makes the state that travels from layer to layer, `step` is one layer; `last`
/// makes the result of the state before the last layer. A state is let go as soon as the next one is there.
template <isize Depth, class Layers, class B, class Observer, class Last>
constexpr auto run_layers(const Layers& layers, B b, const Observer& observe, const Last& last) {
  if constexpr (Depth == 1) {
    return last(layers.begin(std::move(b)));
  } else {
    auto state = layers.step(layers.begin(std::move(b)), 0);
    observe(isize(0), state);
    for (isize layer = 1; layer + 1 < Depth; ++layer) {
      state = layers.step(state, layer);
      observe(layer, state);
    }
    return last(state);
  }
}

/// One token of a sequence, as a sequence; the first, where a class token stands, is never padding.
template <stream_content X> constexpr auto token_at(const X& x, isize place) {
  return slice_of<tokens_axis, 1>(content_of(x), place);
}

}  // namespace detail

/// A block that says `tokens_are_independent`: block(some tokens of x, x) are those tokens of block(x).
template <class Block>
concept computes_tokens_alone = requires { requires Block::tokens_are_independent; };

namespace detail {

/// A stream without its elements: what tells its shape and its mask.
template <stream_content X> constexpr auto outline_of(const X& x) {
  if constexpr (is_masked<X>)
    return masked_tokens{outline_of(x.content), x.kept};
  else if constexpr (std::is_same_v<device_of_t<X>, meta>)
    return x;
  else
    return tensor<device_of_t<X>, shape_of_t<X>>({}, nullptr, dims_of(x));
}
template <class... S> constexpr auto outline_of(const bundle<S...>& b) {
  return transform_streams(typename bundle<S...>::modalities{},
                           [&]<class M>(M*) { return outline_of(get<M>(b)); });
}

/// The calls of a strategy. Its `Layers` have `begin` and `step` for `run_layers`; `finish`, which makes a bundle of the
/// last state; and `first_tokens_step`, the last layer for the first token of each stream, which asks the others for keys
/// and values only. They may have `last_step`, a last layer that leaves out what is not in the bundle. `outline` is the
/// bundle at the start, without elements. TokensAlone: the last layer can compute some tokens without the others.
template <class Layers, isize Depth, bool TokensAlone> struct layer_calls {
  /// `observe(layer, state)` sees the state after each layer.
  template <class... S, class Observer = no_observer>
  constexpr auto operator()(bundle<S...> b, const Observer& observe = {}) const {
    const auto outline = outline_of(b);
    return run_layers<Depth>(self(), std::move(b), observe,
                             [&](const auto& state) { return last_layer(self(), outline, state, observe); });
  }

  /// The first token of each stream of the result, all that a readout of class tokens reads, without what only the
  /// others need.
  template <class... S>
    requires TokensAlone
  constexpr auto first_tokens(bundle<S...> b) const {
    const auto outline = outline_of(b);
    return run_layers<Depth>(self(), std::move(b), no_observer{}, [&](const auto& state) {
      return self().first_tokens_step(outline, state, Depth - 1);
    });
  }

 private:
  /// The bundle after the last layer. A template of the layers, because nvcc looks for `last_step` in what is no parameter
  /// even where `if constexpr` leaves the call out.
  template <class L, class Outline, class State, class Observer>
  static constexpr auto last_layer(const L& layers, const Outline& outline, const State& state,
                                   const Observer& observe) {
    constexpr bool only_the_bundle = TokensAlone && std::is_same_v<Observer, no_observer>;
    if constexpr (only_the_bundle && requires { layers.last_step(state, Depth - 1); }) {
      return layers.last_step(state, Depth - 1);
    } else {
      const auto result = layers.step(state, Depth - 1);
      observe(Depth - 1, result);
      return layers.finish(outline, result);
    }
  }

  constexpr const Layers& self() const { return static_cast<const Layers&>(*this); }
};

}  // namespace detail

/// The width of the tokens that a block or stage takes; dynamic if it does not say.
template <class Layer> inline constexpr isize width_taken = dynamic;
template <class Layer>
  requires requires { Layer::width_of_tokens; }
inline constexpr isize width_taken<Layer> = Layer::width_of_tokens;

/// The blocks of a stage: `block<M>(layer)` is the one that serves modality M.
template <class Block, isize Depth, class Modalities, weights Sharing> struct stage_blocks {
  static constexpr isize width_of_tokens = width_taken<Block>;
  per_modality<repeat<Block, Depth>, Modalities> blocks;
  constexpr void members(auto&& visit) { blocks.members(visit); }
  template <class M> constexpr Block& block(isize layer) { return blocks.template layer<M>()[layer]; }
  template <class M> constexpr const Block& block(isize layer) const { return blocks.template layer<M>()[layer]; }
};
template <class Block, isize Depth, class Modalities>
struct stage_blocks<Block, Depth, Modalities, weights::common> {
  static constexpr isize width_of_tokens = width_taken<Block>;
  repeat<Block, Depth> blocks;
  constexpr void members(auto&& visit) { visit("shared", blocks); }
  template <class M> constexpr Block& block(isize layer) { return blocks[layer]; }
  template <class M> constexpr const Block& block(isize layer) const { return blocks[layer]; }
};

/// No stream sees another: the lower layers of mid fusion, and late fusion. With common weights, one set of blocks
/// serves each stream on its own (UAVM, PolyViT, VATT).
template <class Block, weights Sharing = weights::separate> struct unimodal {
  template <isize Depth, class Modalities>
  struct layers : stage_blocks<Block, Depth, Modalities, Sharing>,
                  detail::layer_calls<layers<Depth, Modalities>, Depth, computes_tokens_alone<Block>> {
    template <class B> constexpr B begin(B b) const { return b; }
    template <class B> constexpr auto step(const B& b, isize layer) const {
      return detail::each_stream<Sharing>(
          Modalities{},
          [&]<class M>(M*, const auto& all) { return this->template block<M>(layer)(get<M>(all)); }, b);
    }
    template <class B, class State> constexpr auto first_tokens_step(const B&, const State& state, isize layer) const {
      return detail::each_stream<Sharing>(
          Modalities{},
          [&]<class M>(M*, const auto& all) {
            return this->template block<M>(layer)(detail::token_at(get<M>(all), 0), get<M>(all));
          },
          state);
    }
    template <class B, class State> constexpr const State& finish(const B&, const State& state) const { return state; }
  };
};

/// One set of weights for all modalities, applied to each stream on its own.
template <class Block> struct shared : unimodal<Block, weights::common> {};

/// All tokens in one sequence, full attention between all pairs: early fusion from the first layer, mid fusion later.
/// Cost per layer grows with the square of the sum of all tokens.
template <class Block> struct joint_attention {
  template <isize Depth, class Modalities>
  struct layers : stage_blocks<Block, Depth, Modalities, weights::common>,
                  detail::layer_calls<layers<Depth, Modalities>, Depth, computes_tokens_alone<Block>> {
    template <class B> constexpr auto begin(const B b) const { return join_tokens(Modalities{}, b); }
    template <class X> constexpr auto step(const X& joined, isize layer) const { return this->blocks[layer](joined); }
    template <class B, class X> constexpr auto finish(const B& b, const X& joined) const {
      return separate_tokens(Modalities{}, b, joined);
    }
    template <class... S, class X>
    constexpr auto first_tokens_step(const bundle<S...>& b, const X& joined, isize layer) const {
      isize end = 0;
      const auto firsts = transform_streams(Modalities{}, [&]<class M>(M*) {
        const isize begin = std::exchange(end, end + extent<tokens_axis>(content_of(get<M>(b))));
        return detail::token_at(joined, begin);
      });
      return separate_tokens(Modalities{}, firsts, this->blocks[layer](join_tokens(Modalities{}, firsts), joined));
    }
  };
};

/// The tokens of each stream attend to the tokens of all streams, its own included (Nagrani et al. 2021, section
/// 3.2.2).
template <class Block, weights Sharing = weights::separate> struct cross_attention_fusion {
  template <isize Depth, class Modalities>
  struct layers : stage_blocks<Block, Depth, Modalities, Sharing>,
                  detail::layer_calls<layers<Depth, Modalities>, Depth, computes_tokens_alone<Block>> {
    template <class B> constexpr B begin(B b) const { return b; }
    template <class B> constexpr auto step(const B& b, isize layer) const {
      const auto all = join_tokens(Modalities{}, b);
      return detail::each_stream<Sharing>(
          Modalities{},
          [&]<class M>(M*, const auto& own, const auto& seen) {
            return this->template block<M>(layer)(get<M>(own), seen);
          },
          b, all);
    }
    template <class B, class State> constexpr auto first_tokens_step(const B&, const State& state, isize layer) const {
      const auto all = join_tokens(Modalities{}, state);
      return detail::each_stream<Sharing>(
          Modalities{},
          [&]<class M>(M*, const auto& own, const auto& seen) {
            return this->template block<M>(layer)(detail::token_at(get<M>(own), 0), seen);
          },
          state, all);
    }
    template <class B, class State> constexpr const State& finish(const B&, const State& state) const { return state; }
  };
};

/// What travels between the layers of a bottleneck fusion.
template <class Bundle, class Z> struct bottleneck_state {
  Bundle content;
  Z bottleneck;  ///< [batch, bottleneck tokens, width]
};

/// Streams exchange information only through Count bottleneck tokens: each stream's block updates its own tokens and
/// its copy of the bottleneck, and the copies are averaged (Nagrani et al. 2021, section 3.2.3). Cost per layer is
/// that of unimodal layers plus Count tokens a stream.
template <class Block, isize Count, weights Sharing = weights::separate> struct bottleneck_fusion {
  template <isize Depth, class Modalities>
  struct layers : stage_blocks<Block, Depth, Modalities, Sharing>,
                  detail::layer_calls<layers<Depth, Modalities>, Depth, computes_tokens_alone<Block>> {
    using blocks_type = stage_blocks<Block, Depth, Modalities, Sharing>;
    parameter<typename Block::device, tokens<Count>, width<Block::width_of_tokens>> bottleneck{init::normal(0.02)};
    constexpr void members(auto&& visit) {
      visit("bottleneck", bottleneck);
      blocks_type::members(visit);
    }

    /// The same blocks with the bottleneck switched off: an ablation.
    template <class... S, class Observer = detail::no_observer>
    constexpr auto without_exchange(const bundle<S...>& b, const Observer& observe = {}) const {
      auto state = b;
      for (isize layer = 0; layer < Depth; ++layer) {
        state = detail::each_stream<Sharing>(
            Modalities{},
            [&]<class M>(M*, const auto& all) { return this->template block<M>(layer)(get<M>(all)); }, state);
        observe(layer, state);
      }
      return state;
    }

    template <class B> constexpr auto begin(B b) const {
      const auto z = expand_batch(bottleneck, content_of(get<first_modality<Modalities>>(b)));
      return bottleneck_state<B, std::remove_const_t<decltype(z)>>{std::move(b), z};
    }
    template <class B, class Z> constexpr auto step(const bottleneck_state<B, Z>& state, isize layer) const {
      const auto updated = detail::each_stream<Sharing>(
          Modalities{},
          [&]<class M>(M*, const auto& content, const auto& z) {  // all read the same bottleneck
            return this->template block<M>(layer)(concat_tokens(z, get<M>(content)));
          },
          state.content, state.bottleneck);
      return state_of(transform_streams(Modalities{},
                                        [&]<class M>(M*) {
                                          return tokens_like(get<M>(updated), Count, get<M>(state.content));
                                        }),
                      mean_bottleneck(Modalities{}, updated));
    }
    template <class B, class State> constexpr auto finish(const B&, const State& state) const { return state.content; }
    /// The tokens after the last layer, whose bottleneck nobody reads.
    template <class State> constexpr auto last_step(const State& state, isize layer) const {
      return updated_tokens(state, layer, [](const auto& tokens) { return tokens; });
    }
    template <class B, class State> constexpr auto first_tokens_step(const B&, const State& state, isize layer) const {
      return updated_tokens(state, layer, [](const auto& tokens) { return detail::token_at(tokens, 0); });
    }

   private:
    template <class State, class Chosen>
    constexpr auto updated_tokens(const State& state, isize layer, const Chosen& chosen) const {
      return detail::each_stream<Sharing>(
          Modalities{},
          [&]<class M>(M*, const auto& content, const auto& z) {
            const auto& tokens = get<M>(content);
            return this->template block<M>(layer)(chosen(tokens), concat_tokens(z, tokens));
          },
          state.content, state.bottleneck);
    }
    template <class B, class Z> static constexpr bottleneck_state<B, Z> state_of(const B& b, const Z& z) { return {b, z}; }
    template <class... M, class... S> static constexpr auto mean_bottleneck(streams<M...>, const bundle<S...>& updated) {
      return evaluate(mean_of(slice_of<tokens_axis, Count>(content_of(get<M>(updated)), 0)...));
    }
  };
};

}  // namespace multifuse
