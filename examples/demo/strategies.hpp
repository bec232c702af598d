#pragma once
#include <string_view>

#include "clips.hpp"
#include "multifuse/backend/cpu/cpu.hpp"
#include "multifuse/fusion/fusion_model.hpp"
#include "multifuse/fusion/latent_adapter.hpp"
#include "multifuse/fusion/readout.hpp"
#include "multifuse/fusion/tokenize.hpp"
#include "multifuse/layers/transformer_block.hpp"
#include "multifuse/modalities/modality.hpp"

/// The models of the comparison. All have the same tokens, width and depth; they differ in who sees whom, and when.
namespace demo {

namespace mf = multifuse;

inline constexpr mf::token_options plain_tokens{.class_token = false};

/// Lips: every frame is a token.
struct video : mf::video_tubelets<mf::video_config{.frames = clip_layout.frames,
                                                   .rows = clip_layout.rows,
                                                   .columns = clip_layout.columns,
                                                   .channels = 1,
                                                   .patch = {1, clip_layout.rows, clip_layout.columns},
                                                   .options = plain_tokens}> {
  static constexpr std::string_view name = "video";
};
/// Speech: all mel bins of four spectra are a token.
struct audio : mf::spectrogram_patches<mf::spectrogram_config{.frames = clip_layout.sound_frames,
                                                              .bins = clip_layout.bins,
                                                              .patch = {1, clip_layout.sound_patch, clip_layout.bins},
                                                              .options = plain_tokens}> {
  static constexpr std::string_view name = "audio";
};
using both = mf::streams<video, audio>;

using device = mf::cpu<float>;
inline constexpr isize width = 64, heads = 4;
using block = mf::transformer_block<device, width, heads, mf::transformer_config{.hidden = 2 * width}>;
using classifier = mf::linear<device, width, clip_layout.classes>;

/// From raw clips to tokens: the first stage of a whole model.
using input = mf::tokenize<mf::tokenizer_of, device, width>;
/// A last normalization of each stream.
struct norm {
  template <class Modalities> using over = mf::per_modality<mf::layer_norm<device, width>, Modalities>;
};
/// The mean of all tokens, classified.
using mean_readout = mf::readout<mf::mean_of_tokens, classifier>;

// A strategy is a list of stages: four layers, and where modalities meet halfway, two and two. `model<input>` takes raw
// clips, `model<>` takes tokens.

struct video_only {
  static constexpr std::string_view name = "video only", kind = "single modality";
  using modalities = mf::streams<video>;
  template <class... First>
  using model = mf::fusion_model<modalities, First..., mf::stage<4, mf::unimodal<block>>, norm, mean_readout>;
};

struct audio_only {
  static constexpr std::string_view name = "audio only", kind = "single modality";
  using modalities = mf::streams<audio>;
  template <class... First>
  using model = mf::fusion_model<modalities, First..., mf::stage<4, mf::unimodal<block>>, norm, mean_readout>;
};

/// Two towers that never meet; their logits are averaged.
struct late {
  static constexpr std::string_view name = "late", kind = "late fusion";
  using modalities = both;
  template <class... First>
  using model = mf::fusion_model<both, First..., mf::stage<4, mf::unimodal<block>>, norm, mf::late<classifier>>;
};

/// Late fusion with one set of blocks for both modalities.
struct shared_weights {
  static constexpr std::string_view name = "shared weights", kind = "late fusion";
  using modalities = both;
  template <class... First>
  using model = mf::fusion_model<both, First..., mf::stage<4, mf::shared<block>>, norm, mf::late<classifier>>;
};

/// All tokens in one sequence from the first layer on.
struct early {
  static constexpr std::string_view name = "early", kind = "early fusion";
  using modalities = both;
  template <class... First>
  using model = mf::fusion_model<both, First..., mf::stage<4, mf::joint_attention<block>>, norm, mean_readout>;
};

/// All tokens in one sequence from halfway on.
struct mid {
  static constexpr std::string_view name = "mid, joint attention", kind = "mid fusion";
  using modalities = both;
  template <class... First>
  using model = mf::fusion_model<both, First..., mf::stage<2, mf::unimodal<block>>,
                                 mf::stage<2, mf::joint_attention<block>>, norm, mean_readout>;
};

/// From halfway on, the tokens of each modality attend to those of both.
struct cross_attention {
  static constexpr std::string_view name = "cross-attention", kind = "mid fusion";
  using modalities = both;
  template <class... First>
  using model = mf::fusion_model<both, First..., mf::stage<2, mf::unimodal<block>>,
                                 mf::stage<2, mf::cross_attention_fusion<block>>, norm, mean_readout>;
};

/// From halfway on, the modalities exchange information through four tokens only.
struct bottleneck {
  static constexpr std::string_view name = "bottleneck", kind = "mid fusion";
  static constexpr isize tokens = 4;
  using modalities = both;
  template <class... First>
  using model = mf::fusion_model<both, First..., mf::stage<2, mf::unimodal<block>>,
                                 mf::stage<2, mf::bottleneck_fusion<block, tokens>>, norm, mean_readout>;
};

/// The blocks of the video model, frozen, serve both modalities; small adapters beside them are trained.
struct latent_adapter {
  static constexpr std::string_view name = "latent adapter", kind = "frozen backbone";
  static constexpr mf::adapter_config adapters{.latents = 4, .reduction = 4};
  using basis = video_only;  ///< whose tokenizer, as a start, and blocks it takes over
  using modalities = both;
  template <class... First>
  using model =
      mf::fusion_model<both, First..., mf::stage<4, mf::latent_adapter<block, adapters>>, norm, mean_readout>;
};

}  // namespace demo
