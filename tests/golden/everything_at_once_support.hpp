#pragma once
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/systems/everything_at_once.hpp>

#include "support/golden.hpp"

/// Everything at Once as the metadata of a golden file configures it.
namespace golden_eao {

namespace mf = multifuse;
namespace eao = multifuse::everything_at_once;
using mf::isize;
using D = mf::cpu<float>;
using eao::audio;
using eao::text;
using eao::video;

template <class C> constexpr eao::config config_of() {
  eao::config c;
  c.text_features = C::text_dim, c.video_features = C::video_dim, c.bins = C::mel;
  c.audio_network = {.widths = {}, .blocks = {}};
  for (std::size_t i = 0; i < C::davenet_widths.size(); ++i) c.audio_network.widths[i] = C::davenet_widths[i];
  for (std::size_t i = 0; i < C::davenet_layers.size(); ++i) c.audio_network.blocks[i] = C::davenet_layers[i];
  c.width = C::embed_dim, c.heads = C::heads, c.depth = C::depth, c.hidden = isize(C::mlp_ratio * double(C::embed_dim));
  c.projection = C::projection_dim;
  c.class_token = C::use_cls_token, c.shared_projection = !C::individual_projections;
  if constexpr (C::use_positional_emb) {
    c.text_places = C::n_text, c.video_places = C::n_video;
    c.audio_places = c.audio_network.tokens(C::audio_max_num_STFT_frames);
  }
  return c;
}

/// An input [batch, tokens, Width] with its mask, the input on a tape.
template <isize Width>
auto stream_of(golden::file& file, mf::tape& tape, const std::string& name, isize items, isize count) {
  const mf::shape<mf::batch<>, mf::tokens<>, mf::width<Width>> shape(items, count);
  const mf::shape<mf::batch<>, mf::tokens<>> mask(items, count);
  return mf::masked_tokens{mf::watch(tape, file.tensor<D>("input." + name, shape)),
                           file.tensor<D>("input." + name + "_mask", mask)};
}

inline void expect_presence(golden::file& file, const std::string& name, const auto& present) {
  const auto theirs = file.values("output." + name + "_nonempty_input_mask");
  CHECK(present.to_host() == theirs);
}

/// The name of a combination in the files: "text" and "text_embed", "text+video" and "tv_embed".
template <class... M> std::string joined_names(mf::streams<M...>) {
  std::string all;
  ((all += (all.empty() ? "" : "+") + std::string(M::name)), ...);
  return all;
}
template <class... M> std::string short_name(mf::streams<M...> list) {
  if constexpr (sizeof...(M) == 1) return joined_names(list);
  return std::string{M::name[0]...};
}

/// The pairs of the loss and their names in the files.
struct pair_weight {
  std::string_view name;
  double eao::loss_options::*which;
};
inline constexpr pair_weight pair_weights[]{{"tv", &eao::loss_options::text_video},
                                            {"ta", &eao::loss_options::text_audio},
                                            {"va", &eao::loss_options::video_audio},
                                            {"t_va", &eao::loss_options::text_with_video_audio},
                                            {"v_ta", &eao::loss_options::video_with_text_audio},
                                            {"a_tv", &eao::loss_options::audio_with_text_video}};

/// Tokens, embeddings, losses, all gradients, and the parameters under their official names.
template <class C> void check(golden::file& file) {
  constexpr eao::config config = config_of<C>();
  using model_type = eao::model<D, config>;
  model_type model;
  const auto table = eao::official_names(model);
  mf::initialize(model, 1);
  file.load(model, table);
  mf::for_each_official(model, table, mf::official_content::value,
                        [&](const std::string& name, const auto& shape, const std::vector<float>& ours) {
                          CHECK(file.contents().at("param." + name).shape == shape);
                          CHECK(ours == file.values("param." + name));
                        });

  mf::tape tape;
  const auto t = stream_of<C::text_dim>(file, tape, "text", C::batch, C::n_text);
  const auto v = stream_of<C::video_dim>(file, tape, "video", C::batch, C::n_video);
  const mf::shape<mf::batch<>, mf::width<C::mel>, mf::tokens<>> as_filed(C::batch, C::audio_frames);
  const auto spectrogram = mf::watch(tape, file.tensor<D>("input.audio", as_filed));
  const mf::masked_tokens a{
      mf::permute<mf::batch_axis, mf::tokens_axis, mf::width_axis>(spectrogram),
      file.tensor<D>("input.audio_mask", mf::shape<mf::batch<>, mf::tokens<>>(C::batch, C::audio_frames))};

  const double near = golden::output_tolerance;
  const auto maps = model.audio_network(a.content);
  CHECK(config.audio_network.tokens(C::audio_frames) == mf::extent<mf::tokens_axis>(maps));
  file.expect("output.inter.davenet", mf::permute<mf::batch_axis, mf::width_axis, mf::tokens_axis>(maps), near);
  const auto check_stream = [&]<class M>(M*, const auto& raw) {
    const std::string name(M::name);
    file.expect("output.inter." + name + "_tokens", model.template tokens<M>(raw).content, near);
    const auto made = model.template completed<M>(raw);
    expect_presence(file, name, made.present);
    return made.tokens;
  };
  const auto completed = mf::bundle_of<text, video, audio>(check_stream(static_cast<text*>(nullptr), t),
                                                           check_stream(static_cast<video*>(nullptr), v),
                                                           check_stream(static_cast<audio*>(nullptr), a));
  const auto found = model(t, v, a);
  mf::transform_streams(eao::combinations{}, [&]<class Which>(Which*) {
    const Which list;
    file.expect("output.fusion_tokens." + joined_names(list), model.fused(list, completed).content, near);
    file.expect("output." + short_name(list) + "_embed", mf::get<Which>(found.of), near);
    return 0;
  });
  const auto alone = mf::bundle_of<text, video, audio>(mf::get<mf::streams<text>>(found.of),
                                                       mf::get<mf::streams<video>>(found.of),
                                                       mf::get<mf::streams<audio>>(found.of));
  file.expect("output.t+v_embed", model_type::averaged(mf::streams<text, video>{}, alone), near);
  file.expect("output.t+a_embed", model_type::averaged(mf::streams<text, audio>{}, alone), near);
  file.expect("output.v+a_embed", model_type::averaged(mf::streams<video, audio>{}, alone), near);

  for (const auto& [name, which] : pair_weights) {
    eao::loss_options only{0, 0, 0, 0, 0, 0};
    only.*which = 1;
    file.expect("loss." + std::string(name), eao::loss(found, only), golden::loss_tolerance);
  }
  const auto loss = eao::loss(found);
  file.expect("loss.total", loss, golden::loss_tolerance);
  mf::backward(loss);
  CHECK(file.expect_gradients(model, table, "grad.", true) > 0);
  file.expect("grad.input.text", t.content.gradient(), golden::gradient_tolerance);
  file.expect("grad.input.video", v.content.gradient(), golden::gradient_tolerance);
  file.expect("grad.input.audio", spectrogram.gradient(), golden::gradient_tolerance);

  file.set_aside("param.fusion.norm.", "no official code uses this norm");
  file.set_aside("param.davenet.batchnorm1.", "no official code uses this norm");
  file.set_aside("input.audio_STFT_nframes", "only pooling of audio tokens needs them, which is off: the mask says it");
  CHECK(C::strategy_audio_pooling == "none");
}

}  // namespace golden_eao
