#pragma once
#include "../layers/adapter.hpp"
#include "../ops/dropout.hpp"
#include "stage.hpp"

namespace multifuse {

namespace detail {
/// The two adapters of one modality in one layer.
template <class Adapter> struct adapter_pair {
  Adapter attention, mlp;
  constexpr void members(auto&& visit) { visit("attention", attention), visit("mlp", mlp); }
};

template <class List, class M> inline constexpr bool lists_modality = false;
template <class... N, class M>
inline constexpr bool lists_modality<streams<N...>, M> = (std::is_same_v<N, M> || ...);

constexpr adapter_config adapter_config_for(adapter_config c, bool alone, bool ungated) {
  if (alone) c.latents = 0;
  c.gate = c.gate && !ungated;
  return c;
}
}  // namespace detail

/// Frozen layers made multimodal (LAVISH, Lin et al. 2023): one set of blocks, pretrained on any single modality and
/// not trained any more, serves every stream, and beside the attention and the MLP of each block stands a small
/// trained `adapter` for each modality, which reads the tokens of all other modalities through a few latents:   x +=
/// attention(x) + adapter(x, others);   x += mlp(x) + adapter'(x, others), where `others` are the tokens before the
/// update. The cost of the exchange is linear in the number of tokens. With all gates at 0, where they start, the
/// streams are those of the frozen blocks alone, bit by bit. One modality alone has adapters without latents;
/// `Ungated` lists modalities whose adapters have no gate.   using net = fusion_model<streams<video, audio>,
/// stage<12, latent_adapter<block>>, readout<...>>;   copy_model(pretrained_blocks, net_object.part<0>().blocks);
/// net_object.part<0>().freeze(); A block has `device`, `width_of_tokens`, `attention_branch(x)` and `mlp_branch(x)`;
/// its stochastic depth is applied, if it has any, with rescaled survivors.
template <class Block, adapter_config C = adapter_config{}, class Ungated = streams<>> struct latent_adapter {
  template <isize Depth, class Modalities> struct layers;
  template <isize Depth, class... M>
  struct layers<Depth, streams<M...>>
      : detail::layer_calls<layers<Depth, streams<M...>>, Depth, computes_tokens_alone<Block> && !C.batch_norm> {
    using list = streams<M...>;
    template <class One>
    using adapter_of = adapter<typename Block::device, Block::width_of_tokens,
                               detail::adapter_config_for(C, sizeof...(M) == 1, detail::lists_modality<Ungated, One>)>;
    template <class One> using adapters_of = repeat<detail::adapter_pair<adapter_of<One>>, Depth>;
    struct adapter_set : detail::layer_for<M, adapters_of<M>>... {
      constexpr void members(auto&& visit) { (visit(M::name, detail::layer_of<M>(*this)), ...); }
    };

    repeat<Block, Depth> blocks;
    adapter_set adapters;

    constexpr layers() { freeze(); }
    constexpr void members(auto&& visit) { visit("shared", blocks), visit("adapters", adapters); }

    /// Excludes the blocks from training. They are frozen from the start; `copy_model` from trained blocks thaws them.
    constexpr void freeze() { multifuse::freeze(blocks); }

    /// The adapters `attention` and `mlp` of modality One beside block `layer`.
    template <class One> constexpr auto& adapters_for(isize layer) { return detail::layer_of<One>(adapters)[layer]; }
    template <class One> constexpr const auto& adapters_for(isize layer) const {
      return detail::layer_of<One>(adapters)[layer];
    }

    template <class B> constexpr B begin(B b) const { return b; }
    template <class B> constexpr auto step(const B& b, isize layer) const {
      const auto middle = attention_step(b, layer);
      return mlp_step(middle, middle, layer);
    }
    template <class B, class State> constexpr const State& finish(const B&, const State& state) const { return state; }
    template <class B, class State> constexpr auto first_tokens_step(const B&, const State& state, isize layer) const {
      const auto middle = attention_step(state, layer);
      const auto firsts =
          transform_streams(list{}, [&]<class One>(One*) { return detail::token_at(get<One>(middle), 0); });
      return mlp_step(firsts, middle, layer);
    }

    /// The two halves of a layer, each from bundle to bundle. The second changes tokens of the streams, all or some; what
    /// the adapters read are all of them.
    template <class B> constexpr auto attention_step(const B& b, isize layer) const {
      const Block& block = blocks[layer];
      return detail::each_stream<weights::common>(
          list{},
          [&]<class One>(One*, const auto& all) {
            const auto& x = get<One>(all);
            return evaluate(x + path(block, block.attention_branch(x), [&] { return block.attention_path; }) +
                            adapted<One>(adapters_for<One>(layer).attention, x, all));
          },
          b);
    }
    template <class Some, class All> constexpr auto mlp_step(const Some& some, const All& all, isize layer) const {
      const Block& block = blocks[layer];
      return detail::each_stream<weights::common>(
          list{},
          [&]<class One>(One*, const auto& few, const auto& seen) {
            const auto& x = get<One>(few);
            return evaluate(x + path(block, block.mlp_branch(x), [&] { return block.mlp_path; }) +
                            adapted<One>(adapters_for<One>(layer).mlp, x, seen));
          },
          some, all);
    }

    /// What an adapter of modality One makes of its tokens and of the other streams.
    template <class One, class X, class B>
    static constexpr auto adapted(const adapter_of<One>& one, const X& x, const B& b) {
      if constexpr (sizeof...(M) == 1)
        return one(x);
      else
        return one(x, join_tokens(typename streams_without<list, One>::type{}, b));
    }

   private:
    template <class X, class Stream> static constexpr auto path(const Block& block, const X& branch, const Stream& stream) {
      if constexpr (requires { block.drop_path_rate; })
        return drop_path(branch, block.drop_path_rate, stream(), rescale::yes);
      else
        return branch;
    }
  };
};

}  // namespace multifuse
