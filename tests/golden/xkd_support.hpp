#pragma once
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/systems/xkd.hpp>

#include "support/golden.hpp"

/// XKD as the metadata of a golden file configures it.
namespace golden_xkd {

namespace mf = multifuse;
namespace xkd = multifuse::xkd;
using mf::isize;
using D = mf::cpu<float>;

/// The authors' discrepancy in float32 multiplies the rounding of distances by precisions of up to 1000: its absolute
/// error. The metadata has the values in double precision.
inline constexpr double discrepancy_error = 1e-3;

template <class C> constexpr xkd::config config_of(xkd::sharing shared) {
  static_assert(C::attn == "mean" || C::attn == "softmax");
  xkd::config c;
  c.clip = {C::num_frames, C::frame_size[1], C::frame_size[2]}, c.tubelet = {C::vpt, C::vps[0], C::vps[1]};
  c.channels = C::frame_size[0];
  c.spectrogram = {1, C::spec[0], C::spec[1]}, c.patch = {1, C::aps[0], C::aps[1]};
  c.width = C::D, c.heads = C::H, c.depth = C::depth;
  c.decoder_width = C::dD, c.decoder_heads = C::dH, c.decoder_depth = C::dDepth;
  c.head = {.hidden = C::hid, .bottleneck = C::bott, .outputs = C::out};
  c.video_masked = C::vmask, c.audio_masked = C::amask;
  c.shared = shared;
  return c;
}

template <class C> xkd::settings settings_of() {
  xkd::settings s;
  s.alignment = C::coeff[0], s.distillation = C::coeff[1], s.reconstruction = C::coeff[2];
  s.to_audio = {C::s_temp[1], C::t_temp[0]};  // the authors' code uses the audio student's temperature for both
  s.to_video = {C::s_temp[1], C::t_temp[1]};
  s.refine = C::attn == "mean" ? mf::refinement::ratio : mf::refinement::softmax;
  return s;
}

using clips = mf::shape<mf::batch<>, mf::channels<>, mf::frames<>, mf::rows<>, mf::columns<>>;
using sounds = mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<1>>;

/// The views of a file on a tape: number 0 is the whole, the others are parts.
template <class C> struct inputs {
  using clip = mf::variable<D, clips>;
  using sound = mf::variable<D, sounds>;
  std::vector<clip> frames;
  std::vector<sound> specs;

  inputs(golden::file& file, mf::tape& tape) {
    for (isize i = 0; i <= C::n_vlocal; ++i) {
      const clips whole(C::B, C::frame_size[0], C::num_frames, C::frame_size[1], C::frame_size[2]);
      const clips part(C::B, C::frame_size[0], C::vlocal[0], C::vlocal[1], C::vlocal[1]);
      frames.push_back(mf::watch(tape, file.tensor<D>("input.frames." + std::to_string(i), i == 0 ? whole : part)));
    }
    for (isize i = 0; i <= C::n_alocal; ++i) {
      const sounds whole(C::B, C::spec[0], C::spec[1]), part(C::B, C::spec[0], C::alocal);
      specs.push_back(mf::watch(tape, file.tensor<D>("input.specs." + std::to_string(i), i == 0 ? whole : part)));
    }
  }
  /// The parts one below the other.
  static auto parts(const auto& views) {
    auto all = views.at(1);
    for (std::size_t i = 2; i < views.size(); ++i) all = mf::concat<mf::batch_axis>(all, views[i]);
    return all;
  }
  static auto video(const clip& x) {
    const auto last =
        mf::permute<mf::batch_axis, mf::frames_axis, mf::rows_axis, mf::columns_axis, mf::channels_axis>(x);
    using S = mf::shape<mf::batch<>, mf::frames<>, mf::rows<>, mf::columns<>, mf::channels<C::frame_size[0]>>;
    const auto& n = last.dims();
    return mf::detail::seen_as(S(n[0], n[1], n[2], n[3]), last);
  }
};

/// The masking that a file's noise makes, compared with the file's.
template <class C> auto masking_of(golden::file& file, const std::string& noise, const std::string& who, isize visible) {
  const isize count = file.contents().at("input.noise." + noise).shape[1];
  const mf::shape<mf::batch<>, mf::tokens<>> all(C::B, count);
  const auto masking = mf::mask_by_noise(file.tensor<D>("input.noise." + noise, all), visible);
  file.expect("output." + who + "_ae_mask", masking.hidden, 0);
  return masking;
}

/// Compares whole tables of places: of hidden tokens, ours names no order.
inline void check_places(golden::file& file, const std::string& name, const auto& masking) {
  const auto theirs = file.contents().template read<std::int32_t>(name);
  file.set_aside(name, "compared here");
  const auto ours = masking.places.to_host();
  const auto visible = std::int32_t(masking.kept.dims()[1]);
  REQUIRE(ours.size() == theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) CHECK(ours[i] == std::min(theirs[i], visible));
}

/// Where the golden value is afflicted by `discrepancy_error` times `share`, the double one of the metadata is not.
inline void check_discrepancy(golden::file& file, const std::string& name, const auto& ours, double precise,
                              double share = 1) {
  file.expect(name, ours, discrepancy_error * share, 1);
  CHECK(std::abs(double(ours.value().to_host()[0]) - precise) <= 1e-5 * std::abs(precise));
}

/// Everything a file holds: views, teachers, losses, gradients, the moving averages and centers after a step.
template <class C, class Precise, xkd::sharing Shared> void check(golden::file& file) {
  static constexpr xkd::config c = config_of<C>(Shared);
  xkd::model<D, c> model;
  mf::initialize(model, 1);
  const auto table = xkd::official_names(model);
  file.load(model, table);
  mf::for_each_official(model, table, mf::official_content::value,
                        [&](const std::string& name, const auto&, const std::vector<float>& ours) {
                          file.expect("param." + name, ours, 0);
                        });
  model.to_audio.momentum = C::cmom[0], model.to_video.momentum = C::cmom[1];

  mf::tape tape;
  const inputs<C> in(file, tape);
  const auto video_masking = masking_of<C>(file, "video", "vid", c.visible<xkd::video>());
  const auto audio_masking = masking_of<C>(file, "audio", "aud", c.visible<xkd::audio>());
  check_places(file, "output.vid_ae_ids_restore", video_masking);
  check_places(file, "output.aud_ae_ids_restore", audio_masking);
  const mf::xkd::views watched{in.video(in.frames[0]), in.video(in.parts(in.frames)), video_masking};
  const mf::xkd::views heard{in.specs[0], in.parts(in.specs), audio_masking};
  const auto made = model(watched, heard, settings_of<C>());

  const auto student = [&](const std::string& who, const auto& studied, const auto& ends, const auto& whole) {
    file.expect("output." + who + "_ae_latent", studied.latent, golden::output_tolerance);
    file.expect("output." + who + "_ae_pred", studied.prediction, golden::output_tolerance);
    file.expect("output." + who + "_ae_target_raw", ends.tokens.patches(whole), golden::output_tolerance);
    file.expect("loss." + who + "_recon_loss", studied.reconstruction, golden::loss_tolerance);
  };
  student("vid", made.students.of_video, model.students.outer.of_video, watched.whole);
  student("aud", made.students.of_audio, model.students.outer.of_audio, heard.whole);

  const auto first_video = in.video(in.frames[1]).value();
  const auto first_audio = in.specs[1].value();
  const auto view = [&]<class M>(M*, const std::string& who, const auto& x, const auto& taught, const auto& other) {
    const auto& front = xkd::of<M>(model.students.outer).tokens;
    const auto tokens = front(x);
    file.expect("output." + who + "_student_local_tokens", model.students.template encode<M>(tokens),
                golden::output_tolerance);
    const mf::patch_size patch = c.view<M>().patch;
    const isize down = mf::extent<mf::rows_axis>(x) / patch.rows, across = mf::extent<mf::columns_axis>(x) / patch.columns;
    const mf::patch_size grid{mf::extent<mf::tokens_axis>(tokens) / (down * across), down, across};
    file.expect("output." + who + "_local_pos",
                mf::concat<mf::tokens_axis>(front.first_position.table.value(), front.positions.for_view(tokens, grid)),
                golden::output_tolerance);
    file.expect("output." + who + "_teacher_cls_attn", taught.second, golden::output_tolerance);
    file.expect("output." + who + "_teacher_tokens", taught.first, golden::output_tolerance);
    const auto refined = mf::refine_by_attention(taught.first, taught.second, other.second, settings_of<C>().refine);
    file.expect("output." + who + "_cross_attn", refined.weights, golden::output_tolerance);
    file.expect("output." + who + "_teacher_refined", refined.tokens, golden::output_tolerance);
  };
  const auto v = model.teachers.template attend<xkd::video>(first_video);
  const auto a = model.teachers.template attend<xkd::audio>(first_audio);
  view(static_cast<xkd::video*>(nullptr), "vid", first_video, v, a);
  view(static_cast<xkd::audio*>(nullptr), "aud", first_audio, a, v);

  file.expect("output.vt2as.student_out", made.students.of_audio.outputs, golden::output_tolerance);
  file.expect("output.vt2as.teacher_out", made.teachers.of_video, golden::output_tolerance);
  file.expect("output.at2vs.student_out", made.students.of_video.outputs, golden::output_tolerance);
  file.expect("output.at2vs.teacher_out", made.teachers.of_audio, golden::output_tolerance);
  file.expect("loss.vt2as_kd_loss", made.to_audio, golden::loss_tolerance);
  file.expect("loss.at2vs_kd_loss", made.to_video, golden::loss_tolerance);
  file.expect("loss.cmkd_loss", mf::evaluate((made.to_audio + made.to_video) * 0.5), golden::loss_tolerance);
  file.expect("loss.recon_loss",
              mf::evaluate((made.students.of_video.reconstruction + made.students.of_audio.reconstruction) * 0.5),
              golden::loss_tolerance);
  const auto& apart = made.teacher_alignment;
  check_discrepancy(file, "loss.as2vs_align_loss", made.student_alignment, Precise::as2vs_align_loss);
  check_discrepancy(file, "loss.vt2at_align_loss", mf::record(tape, apart), Precise::vt2at_align_loss);
  check_discrepancy(file, "loss.alignment_loss", mf::evaluate((made.student_alignment + apart) * 0.5),
                    Precise::alignment_loss);
  check_discrepancy(file, "loss.loss", made.total, Precise::loss);

  mf::backward(made.total);
  CHECK(file.expect_gradients(model, table, "grad.", true) > 0);
  for (std::size_t i = 0; i < in.frames.size(); ++i)
    file.expect("grad.input.frames." + std::to_string(i), in.frames[i].gradient(), golden::gradient_tolerance);
  for (std::size_t i = 0; i < in.specs.size(); ++i)
    file.expect("grad.input.specs." + std::to_string(i), in.specs[i].gradient(), golden::gradient_tolerance);

  model.update_centers(made);
  file.expect("output.vt2as.center_after", model.to_audio.center.value(), golden::output_tolerance);
  file.expect("output.at2vs.center_after", model.to_video.center.value(), golden::output_tolerance);
  model.update_teachers(0.9, 0.8);
  mf::for_each_official(model, table, mf::official_content::value,
                        [&](const std::string& name, const auto&, const std::vector<float>& ours) {
                          const std::string moved = "output.ema." + name;
                          if (file.has(moved)) file.expect(moved, ours, golden::output_tolerance);
                        });
}

}  // namespace golden_xkd
