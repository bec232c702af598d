#pragma once
#include <array>
#include <string>
#include <utility>

#include "../fusion/attention_refinement.hpp"
#include "../io/framework_names.hpp"
#include "../layers/distillation_head.hpp"
#include "../layers/masked_decoder.hpp"
#include "../layers/view_embedding.hpp"
#include "../losses/centered_distillation.hpp"
#include "../losses/masked_reconstruction.hpp"
#include "../losses/mean_discrepancy.hpp"
#include "../train/moving_average.hpp"
#include "../train/schedule.hpp"

/// XKD: P. Sarkar, A. Etemad, "XKD: Cross-modal Knowledge Distillation with Domain Alignment for Video Representation
/// Learning", AAAI 2024. Each modality has a masked autoencoder, whose encoder is also its student, and a teacher, the
/// student's moving average. A student learns from the other modality's teacher while both outputs are kept alike.
namespace multifuse::xkd {

struct video { static constexpr std::string_view name = "video"; };
struct audio { static constexpr std::string_view name = "audio"; };

/// Which blocks audio and video have in common: none (XKD), the students' (XKD-MAS), the teachers' too (XKD-MATS).
enum class sharing { none, students, students_and_teachers };

/// What the teachers see. The paper's figure shows the whole clip; the authors' code passes the first partial view.
enum class teacher_input { first_part, whole };

/// The defaults are the published ViT-B model. A spectrogram has frequencies as rows and time as columns.
struct config {
  patch_size clip{32, 112, 112}, tubelet{4, 16, 16}, spectrogram{1, 80, 448}, patch{1, 4, 16};
  isize channels = 3, width = 768, heads = 12, depth = 12;
  isize decoder_width = 384, decoder_heads = 12, decoder_depth = 4;
  distillation_head_config head = {};
  double video_masked = 0.85, audio_masked = 0.8;  ///< shares of tokens hidden from the autoencoders
  sharing shared = sharing::none;
  template <class M> static constexpr bool is_video = std::is_same_v<M, video>;
  template <class M> constexpr view_embedding_config view() const {
    if (is_video<M>) return {true, clip, tubelet, channels};
    return {false, spectrogram, patch, 1, {curve::cubic, true}};
  }
  template <class M> constexpr masked_decoder_config decoder() const {
    const auto v = view<M>();
    const isize elements = v.patch.elements() * v.channels;
    return {v.grid().elements(), elements, decoder_width, decoder_heads, decoder_depth, 1e-5, false};
  }
  template <class M> isize visible() const {
    return visible_tokens(view<M>().grid().elements(), is_video<M> ? video_masked : audio_masked);
  }
};

/// Something for each modality: `of<video>(x)`.
template <class V, class A> struct both {
  V of_video;
  A of_audio;
  constexpr void members(auto&& visit) { visit("video", of_video), visit("audio", of_audio); }
};
template <class V, class A> both(V, A) -> both<V, A>;
template <class M> constexpr auto& of(auto& x) {
  if constexpr (std::is_same_v<M, video>) return x.of_video;
  if constexpr (std::is_same_v<M, audio>) return x.of_audio;
}

/// What a modality has around the blocks: tokens in front, norm and projector of the mean token behind.
template <class D, config C, class M> struct ends {
  view_embedding<D, C.view<M>(), C.width> tokens;
  layer_norm<D, C.width, norm_config{1e-5}> norm;
  distillation_head<D, C.width, C.head> head;
  constexpr void members(auto&& visit) { visit("tokens", tokens), visit("norm", norm), visit("head", head); }
};

/// The students of both modalities, or their teachers.
template <class D, config C, bool Shared> struct encoders {
  static constexpr transformer_config block_config{.epsilon = 1e-5, .projection_bias = false};
  using blocks = repeat<transformer_block<D, C.width, C.heads, block_config>, C.depth>;
  both<ends<D, C, video>, ends<D, C, audio>> outer;
  std::array<blocks, Shared ? 1 : 2> inner;
  constexpr void members(auto&& visit) {
    visit("ends", outer), visit(Shared ? "blocks" : "video_blocks", inner.front());
    if constexpr (!Shared) visit("audio_blocks", inner.back());
  }
  template <class M> static constexpr auto& blocks_of(auto& all) { return all.inner[Shared || C.is_video<M> ? 0 : 1]; }
  /// Tokens [batch, tokens, width] behind the blocks, class token first.
  template <class M> constexpr auto encode(const auto& tokens) const {
    return of<M>(outer).norm(blocks_of<M>(*this)(of<M>(outer).tokens.with_class_token(tokens)));
  }
  /// Patch tokens of a view, and how the class token attends to them in the last block: [batch, heads, keys].
  template <class M> auto attend(const auto& view) const {
    const auto& front = of<M>(outer).tokens;
    auto z = front.with_class_token(front(view));
    for (isize i = 0; i + 1 < C.depth; ++i) z = blocks_of<M>(*this)[i](z);
    const auto& last = blocks_of<M>(*this)[C.depth - 1];
    const auto query = last.attention_norm(slice<tokens_axis>(z, 0, 1));
    const auto seen =
        merge<keys_axis, queries_axis, keys_axis>(last.attention.probabilities(query, last.attention_norm(z)));
    return std::pair(without_class_token(of<M>(outer).norm(last(z))),
                     slice<keys_axis>(seen, 1, extent<keys_axis>(seen) - 1));
  }
};

/// The views of one modality: the whole of each item, and parts of it [parts * batch, ...], part after part.
template <class Whole, class Parts, class Mask> struct views {
  Whole whole;
  Parts parts;
  Mask masking;  ///< of the whole's tokens, a random_masking
};
template <class W, class P, class M> views(W, P, M) -> views<W, P, M>;

/// The defaults are published; temperatures are those of models that share no blocks.
struct settings {
  double alignment = 1, distillation = 1, reconstruction = 5;  ///< weights
  distillation_temperatures to_audio{0.1, 0.1}, to_video{0.1, 0.07};
  refinement refine = refinement::ratio;
  teacher_input teachers_see = teacher_input::first_part;
};

/// The published training by AdamW (betas 0.9, 0.95; decay 0.3) at 1e-4 times `rate`. Where blocks are shared, the
/// teachers' temperatures rise while the rate warms up.
struct recipe {
  isize steps, warm_up;  ///< published: as many as 800 and as 30 epochs have
  sharing shared = sharing::none;
  double first_decay = 0.997;  ///< of the teachers
  double rate(isize step) const { return schedule::warm_up(warm_up, schedule::cosine(steps - warm_up))(step); }
  double decay(isize step) const { return schedule::cosine(steps, first_decay, 1)(step); }
  settings at(isize step, settings now = {}) const {
    const schedule::linear_warm_up seen(warm_up, 0.09, 0.11), heard(warm_up, 0.04, 0.06);
    if (shared != sharing::none) now.to_audio.teacher = seen(step), now.to_video.teacher = heard(step);
    return now;
  }
};

/// What a student makes of its views.
template <class L, class P, class O, class E> struct studied {
  L latent;
  P prediction;
  O outputs;  ///< [(1 + parts) * batch, outputs], those of the masked whole first
  E reconstruction;
};
template <class L, class P, class O, class E> studied(L, P, O, E) -> studied<L, P, O, E>;

/// A step's losses and what they compare.
template <class S, class T, class L, class C> struct outcome {
  S students;           ///< what both studied
  T teachers;           ///< outputs [batch, outputs] of both
  L student_alignment;
  C teacher_alignment;  ///< without a gradient, but part of the total
  L to_audio, to_video, total;
};
template <class S, class T, class L, class C> outcome(S, T, L, C, L, L, L) -> outcome<S, T, L, C>;

/// The model. `initialize(model, seed); model.update_teachers(0, 0);`, then in each step `backward` of the total of
/// `model(video views, audio views)`, the optimizer's step, `update_centers` and `update_teachers`.
template <class D, config C = config{}> struct model {
  encoders<D, C, C.shared != sharing::none> students;
  encoders<D, C, C.shared == sharing::students_and_teachers> teachers;
  both<masked_decoder<D, C.width, C.decoder<video>()>, masked_decoder<D, C.width, C.decoder<audio>()>> decoders;
  centered_distillation<D, C.head.outputs> to_audio, to_video;

  constexpr model() { freeze(teachers); }
  constexpr void members(auto&& visit) {
    visit("students", students), visit("teachers", teachers), visit("decoders", decoders);
    visit("to_audio", to_audio), visit("to_video", to_video);
  }
  template <class M> auto study(const auto& seen) const {
    const auto& outer = of<M>(students.outer);
    const auto latent = students.template encode<M>(visible_part(outer.tokens(seen.whole), seen.masking));
    const auto parts = students.template encode<M>(outer.tokens(seen.parts));
    const auto targets = normalized_patches(outer.tokens.patches(seen.whole));
    const auto prediction = of<M>(decoders)(latent, seen.masking);
    const auto token = [](const auto& z) { return mean<tokens_axis>(without_class_token(z)); };
    return studied{latent, prediction, outer.head(concat<batch_axis>(token(latent), token(parts))),
                   masked_reconstruction(prediction, targets, seen.masking.hidden)};
  }
  auto teach(const auto& video_view, const auto& audio_view, refinement mode) const {
    const auto v = teachers.template attend<video>(no_grad(video_view));
    const auto a = teachers.template attend<audio>(no_grad(audio_view));
    const auto seen = refine_by_attention(v.first, v.second, a.second, mode).tokens;
    const auto heard = refine_by_attention(a.first, a.second, v.second, mode).tokens;
    const auto& [video_ends, audio_ends] = teachers.outer;
    return both{video_ends.head(mean<tokens_axis>(seen)), audio_ends.head(mean<tokens_axis>(heard))};
  }
  auto operator()(const auto& v, const auto& a, const settings& s = {}) const {
    const auto watching = study<video>(v);
    const auto listening = study<audio>(a);
    const auto first = [&](const auto& x) { return slice<batch_axis>(no_grad(x), 0, extent<batch_axis>(v.whole)); };
    const auto taught = s.teachers_see == teacher_input::whole ? teach(v.whole, a.whole, s.refine)
                                                               : teach(first(v.parts), first(a.parts), s.refine);
    const auto apart = mean_discrepancy(watching.outputs, listening.outputs);
    const auto teachers_apart = mean_discrepancy(taught.of_video, taught.of_audio);
    const auto heard = to_audio(listening.outputs, taught.of_video, s.to_audio);
    const auto watched = to_video(watching.outputs, taught.of_audio, s.to_video);
    const double share = 0.5 / (s.alignment + s.distillation + s.reconstruction);
    const auto total = evaluate(share * (s.alignment * (apart + teachers_apart) + s.distillation * (heard + watched) +
                                         s.reconstruction * (watching.reconstruction + listening.reconstruction)));
    return outcome{both{watching, listening}, taught, apart, teachers_apart, heard, watched, total};
  }
  void update_centers(const auto& x) { to_audio.update(x.teachers.of_video), to_video.update(x.teachers.of_audio); }
  /// Moves the teachers; shared blocks twice, once for each modality, as the authors' code does.
  void update_teachers(double video_decay, double audio_decay) { move<video>(video_decay), move<audio>(audio_decay); }

 private:
  template <class M> void move(double decay) {
    average_into(of<M>(teachers.outer), of<M>(students.outer), decay);
    average_into(teachers.template blocks_of<M>(teachers), students.template blocks_of<M>(students), decay);
  }
};

namespace detail {
template <class M> void name_modality(name_table& table, const config& c, const std::string& theirs) {
  const isize count = c.view<M>().grid().elements(), width = c.width;
  const std::string positions = "backbone.enc_pos_embed", embedding = c.is_video<M> ? "cuboid_embed" : "patch_embed";
  for (const std::string who : {"student", "teacher"}) {
    const bool shared = c.shared != sharing::none && (c.shared == sharing::students_and_teachers || who == "student");
    const std::string ours = who + "s." + (shared ? "" : std::string(M::name) + "_") + "blocks.";
    const std::string at = theirs + "_" + who + ".backbone.encoder.blocks.";
    if (shared && !c.is_video<M>) table.unused(at);
    else pytorch::vision_blocks(table.within("", ""), ours, at, c.depth, width, false);
    const auto outer = table.within(who + "s.ends." + std::string(M::name) + ".", theirs + "_" + who + ".");
    outer.map("tokens.class_token.vectors", "backbone.cls_token", official::shaped({1, 1, width}));
    outer.map("tokens.class_position.table", positions, official::shaped({1, 1, width}).part(1, 0, count + 1));
    outer.map("tokens.positions.table", positions, official::shaped({1, count, width}).part(1, 1, count + 1));
    pytorch::linear(outer, "tokens.embedding", "backbone." + embedding + ".proj");
    pytorch::norm(outer, "norm", "backbone.encoder_norm");
    pytorch::linear(outer, "head.expand", "head.mlp.0"), pytorch::norm(outer, "head.norm", "head.mlp.1");
    pytorch::linear(outer, "head.middle", "head.mlp.3"), pytorch::linear(outer, "head.contract", "head.mlp.6");
    outer.map("head.last.direction", "head.last_layer.weight_v");
    outer.map("head.last.gain", "head.last_layer.weight_g", official::shaped({c.head.outputs, 1}));
  }
  const auto all = table.within("decoders." + std::string(M::name) + ".", theirs + "_ae.");
  all.map("mask_token.vector", "mask_token", official::shaped({1, 1, c.decoder_width}));
  all.map("positions.table", "dec_pos_embed", official::shaped({1, count + 1, c.decoder_width}));
  pytorch::linear(all, "entrance", "mid_proj"), pytorch::linear(all, "exit", "out_proj");
  pytorch::vision_blocks(all, "blocks.", "decoder.blocks.", c.decoder_depth, c.decoder_width, false);
}
}  // namespace detail

/// The parameter names of the official checkpoints. They store shared tensors under each owner's name; one is read.
template <class D, config C> name_table official_names(const model<D, C>&) {
  name_table table;
  detail::name_modality<video>(table, C, "vid"), detail::name_modality<audio>(table, C, "aud");
  table.map("to_audio.center", "vt2as_ce_loss.center", official::shaped({1, C.head.outputs}));
  table.map("to_video.center", "at2vs_ce_loss.center", official::shaped({1, C.head.outputs}));
  table.unused("_ae.encoder."), table.unused("head.mlp.4.");
  return table;
}

}  // namespace multifuse::xkd
