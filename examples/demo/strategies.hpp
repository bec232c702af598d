#pragma once
#include <string_view>

#include "clips.hpp"
#include "multifuse/backend/cpu/cpu.hpp"
#include "multifuse/fusion/fusion_model.hpp"
#include "multifuse/fusion/readout.hpp"
#include "multifuse/layers/embedding.hpp"
#include "multifuse/layers/patch_embedding.hpp"
#include "multifuse/layers/transformer_block.hpp"

/// The models of the comparison: one tokenizer for all, and for each fusion strategy a list of stages.
namespace demo {

namespace mf = multifuse;

struct video { static constexpr std::string_view name = "video"; };
struct audio { static constexpr std::string_view name = "audio"; };
using both = mf::streams<video, audio>;

using device = mf::cpu<float>;
inline constexpr isize width = 64, heads = 4;
using block = mf::transformer_block<device, width, heads, mf::transformer_config{.hidden = 2 * width}>;
template <isize Classes> using classifier = mf::linear<device, width, Classes>;

/// The last normalization of each stream.
struct last_norm {
  template <class Modalities> using over = mf::per_modality<mf::layer_norm<device, width>, Modalities>;
};

// Each strategy has four layers; those that exchange information halfway do so in the last two.

struct video_only {
  static constexpr std::string_view name = "video only", kind = "single modality";
  using modalities = mf::streams<video>;
  template <isize Classes>
  using fusion = mf::fusion_model<modalities, mf::stage<4, mf::unimodal<block>>, last_norm,
                                  mf::readout<mf::mean_of_tokens, classifier<Classes>>>;
};

struct audio_only {
  static constexpr std::string_view name = "audio only", kind = "single modality";
  using modalities = mf::streams<audio>;
  template <isize Classes>
  using fusion = mf::fusion_model<modalities, mf::stage<4, mf::unimodal<block>>, last_norm,
                                  mf::readout<mf::mean_of_tokens, classifier<Classes>>>;
};

/// Two towers that never meet; their logits are averaged.
struct late {
  static constexpr std::string_view name = "late", kind = "late fusion";
  using modalities = both;
  template <isize Classes>
  using fusion = mf::fusion_model<both, mf::stage<4, mf::unimodal<block>>, last_norm, mf::late<classifier<Classes>>>;
};

/// As late fusion, with one set of blocks for both modalities.
struct shared_weights {
  static constexpr std::string_view name = "shared weights", kind = "late fusion";
  using modalities = both;
  template <isize Classes>
  using fusion = mf::fusion_model<both, mf::stage<4, mf::shared<block>>, last_norm, mf::late<classifier<Classes>>>;
};

/// All tokens in one sequence from the first layer on.
struct early {
  static constexpr std::string_view name = "early", kind = "early fusion";
  using modalities = both;
  template <isize Classes>
  using fusion = mf::fusion_model<both, mf::stage<4, mf::joint_attention<block>>, last_norm,
                                  mf::readout<mf::mean_of_tokens, classifier<Classes>>>;
};

/// All tokens in one sequence from halfway on.
struct mid {
  static constexpr std::string_view name = "mid, joint attention", kind = "mid fusion";
  using modalities = both;
  template <isize Classes>
  using fusion =
      mf::fusion_model<both, mf::stage<2, mf::unimodal<block>>, mf::stage<2, mf::joint_attention<block>>, last_norm,
                       mf::readout<mf::mean_of_tokens, classifier<Classes>>>;
};

/// From halfway on, the tokens of each modality attend to those of both, with blocks of their own.
struct cross_attention {
  static constexpr std::string_view name = "cross-attention", kind = "mid fusion";
  using modalities = both;
  template <isize Classes>
  using fusion =
      mf::fusion_model<both, mf::stage<2, mf::unimodal<block>>, mf::stage<2, mf::cross_attention_fusion<block>>,
                       last_norm, mf::readout<mf::mean_of_tokens, classifier<Classes>>>;
};

/// From halfway on, the modalities exchange information through four tokens only.
struct bottleneck {
  static constexpr std::string_view name = "bottleneck", kind = "mid fusion";
  static constexpr isize tokens = 4;
  using modalities = both;
  template <isize Classes>
  using fusion =
      mf::fusion_model<both, mf::stage<2, mf::unimodal<block>>, mf::stage<2, mf::bottleneck_fusion<block, tokens>>,
                       last_norm, mf::readout<mf::mean_of_tokens, classifier<Classes>>>;
};

/// Raw clips to tokens of one width, with their places.
template <clip_shape S, class Modality> struct tokenizer;
template <clip_shape S> struct tokenizer<S, video> {
  mf::tubelet_embedding<device, S.tubelet, 1, width> embedding;
  mf::learned_positions<device, S.video_tokens(), width> positions;

  constexpr void members(auto&& visit) {
    visit("embedding", embedding);
    visit("positions", positions);
  }
  template <mf::value X> constexpr auto operator()(const X& clip) const { return positions(embedding(clip)); }
};
template <clip_shape S> struct tokenizer<S, audio> {
  mf::patch_embedding<device, mf::patch_size{1, S.sound_patch, S.bins}, 1, width> embedding;
  mf::learned_positions<device, S.audio_tokens(), width> positions;

  constexpr void members(auto&& visit) {
    visit("embedding", embedding);
    visit("positions", positions);
  }
  template <mf::value X> constexpr auto operator()(const X& spectrogram) const {
    return positions(embedding(spectrogram));
  }
};

/// A tokenizer for each modality: from a bundle of raw clips to a bundle of tokens.
template <clip_shape S, class Modalities> struct tokenizers;
template <clip_shape S, class... M> struct tokenizers<S, mf::streams<M...>> : tokenizer<S, M>... {
  constexpr void members(auto&& visit) { (visit(M::name, static_cast<tokenizer<S, M>&>(*this)), ...); }
  template <class Bundle> constexpr auto operator()(const Bundle& clips) const {
    return mf::transform_streams(mf::streams<M...>{}, [&]<class One>(One*) {
      return static_cast<const tokenizer<S, One>&>(*this)(mf::get<One>(clips));
    });
  }
};

/// Shapes of raw clips: `raw_clip<S, video>::shape<N>` for N of them.
template <clip_shape S, class Modality> struct raw_clip;
template <clip_shape S> struct raw_clip<S, video> {
  template <isize N>
  using shape = mf::shape<mf::batch<N>, mf::frames<S.frames>, mf::rows<S.rows>, mf::columns<S.columns>, mf::channels<1>>;
};
template <clip_shape S> struct raw_clip<S, audio> {  // rows are time, columns are mel bins
  template <isize N> using shape = mf::shape<mf::batch<N>, mf::rows<S.sound_frames>, mf::columns<S.bins>, mf::channels<1>>;
};

/// A whole model: from raw clips to logits [batch, classes].
template <class Strategy, clip_shape S> struct network {
  using modalities = typename Strategy::modalities;
  tokenizers<S, modalities> tokens;
  typename Strategy::template fusion<S.classes> fusion;

  constexpr void members(auto&& visit) {
    visit("tokens", tokens);
    visit("fusion", fusion);
  }
  template <class... Stream> constexpr auto operator()(const mf::bundle<Stream...>& clips) const {
    return fusion(tokens(clips));
  }
  /// Clips in the order of the modalities.
  template <mf::value... X> constexpr auto operator()(const X&... clips) const {
    return call(modalities{}, clips...);
  }

 private:
  template <class... M, class... X> constexpr auto call(mf::streams<M...>, const X&... clips) const {
    return (*this)(mf::bundle_of<M...>(clips...));
  }
};

}  // namespace demo
