#pragma once
#include <map>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/systems/xkd.hpp>

#include "support/golden.hpp"

/// XKD as the metadata of a golden file configures it.
namespace golden_xkd {

namespace mf = multifuse;
namespace xkd = multifuse::xkd;
using mf::isize;
using D = mf::cpu<float>;

/// The authors' discrepancy takes squared distances as |x|^2 + |y|^2 - 2 x.y, also that of a row from itself, whose
/// rounding it multiplies by precisions of 1111 in all. The metadata has the values in double precision. These are the
/// errors in float32 of the value for rows of this squared length, and of the gradient for elements up to `largest`.
inline double discrepancy_error(double rows_of_sample, double squared_length) {
  return 8 * 1111 * 2 * squared_length * 0x1p-24 / rows_of_sample;
}
inline double discrepancy_gradient_error(double rows_of_sample, double largest) {
  return 8 * 4 * 1111 * largest * 0x1p-24 / (rows_of_sample * rows_of_sample);
}

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

/// The golden value has an error, the double one of the metadata has not.
inline void check_discrepancy(golden::file& file, const std::string& name, const auto& ours, double precise,
                              double error) {
  file.expect(name, ours, golden::loss_tolerance, std::abs(precise) + error / golden::loss_tolerance);
  CHECK(std::abs(double(ours.value().to_host()[0]) - precise) <= 1e-5 * std::abs(precise));
}

/// Gradients of a model and of a file's inputs, by their names in the file.
template <class C> auto gradients_of(const auto& model, const mf::name_table& table, const inputs<C>& in) {
  std::map<std::string, std::vector<float>> found;
  mf::for_each_official(model, table, mf::official_content::gradient,
                        [&](const std::string& name, const auto&, const auto& ours) { found["grad." + name] = ours; });
  const auto note = [&](const std::string& name, const auto& x) {
    const auto gradient = x.sink().current();
    found[name] = gradient ? gradient.to_host() : std::vector<float>(std::size_t(x.size()), 0.0f);
  };
  for (std::size_t i = 0; i < in.frames.size(); ++i) note("grad.input.frames." + std::to_string(i), in.frames[i]);
  for (std::size_t i = 0; i < in.specs.size(); ++i) note("grad.input.specs." + std::to_string(i), in.specs[i]);
  return found;
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
    const isize down = mf::extent<mf::rows_axis>(x) / patch.rows;
    const isize across = mf::extent<mf::columns_axis>(x) / patch.columns;
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
  const auto& apart = made.teacher_alignment;  // of rows of C::out numbers with variance 1
  const double students_off = discrepancy_error(C::B * (1 + std::min(C::n_vlocal, C::n_alocal)), C::out);
  const double teachers_off = discrepancy_error(C::B, C::out);
  check_discrepancy(file, "loss.as2vs_align_loss", made.student_alignment, Precise::as2vs_align_loss, students_off);
  check_discrepancy(file, "loss.vt2at_align_loss", mf::record(tape, apart), Precise::vt2at_align_loss, teachers_off);
  check_discrepancy(file, "loss.alignment_loss", mf::evaluate((made.student_alignment + apart) * 0.5),
                    Precise::alignment_loss, teachers_off);
  check_discrepancy(file, "loss.loss", made.total, Precise::loss, teachers_off);

  mf::backward(made.total);
  const auto gradients = gradients_of(model, table, in);
  // what the error of the golden alignment does to the other gradients: a pass with that alone
  mf::clear_gradients(model);
  mf::tape other;
  const inputs<C> again(file, other);
  const xkd::views watched_again{again.video(again.frames[0]), again.video(again.parts(again.frames)), video_masking};
  const xkd::views heard_again{again.specs[0], again.parts(again.specs), audio_masking};
  const auto repeated = model(watched_again, heard_again, settings_of<C>());
  const auto disturb = [&](const auto& outputs, std::uint64_t seed) {
    const double count = double(outputs.dims()[0]), largest = golden::largest(outputs.value().to_host());
    const double share = 0.5 * C::coeff[0] / (C::coeff[0] + C::coeff[1] + C::coeff[2]);
    const double error = share * discrepancy_gradient_error(count, largest);
    auto noise = outputs.value().clone();
    for (isize i = 0; i < noise.size(); ++i) noise.data()[i] = float(error * (2 * mf::uniform({31, seed}, i) - 1));
    mf::seed_gradient(outputs, noise);
  };
  disturb(repeated.students.of_video.outputs, 1), disturb(repeated.students.of_audio.outputs, 2);
  other.run_backward();
  const auto effects = gradients_of(model, table, again);
  for (const auto& entry : gradients) {
    const std::string& name = entry.first;
    const std::vector<float>& ours = entry.second;
    INFO(name);
    if (file.has(name)) {
      const double scale = golden::largest(file.values(name)), effect = golden::largest(effects.at(name));
      CHECK(effect <= 0.01 * scale);
      file.expect(name, ours, golden::gradient_tolerance, scale + effect / golden::gradient_tolerance);
    } else {
      CHECK(golden::largest(ours) == 0);
    }
  }

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
