#pragma once
#include <multifuse/fusion/fusion_model.hpp>
#include <multifuse/fusion/readout.hpp>
#include <multifuse/fusion/tokenize.hpp>
#include <multifuse/layers/transformer_block.hpp>
#include <multifuse/modalities/modality.hpp>

#include "../support/check.hpp"

namespace described {

namespace mf = multifuse;

struct camera : mf::image_patches<mf::image_config{4, 4, 2, {1, 2, 2}, {.mean = 0.5, .deviation = 2}}> {
  static constexpr std::string_view name = "camera";
};
struct film : mf::video_tubelets<mf::video_config{4, 4, 2, 1, {2, 2, 1}, {.class_token = false, .dropped = 0.5}}> {
  static constexpr std::string_view name = "film";
};
struct sounds : mf::spectrogram_patches<mf::spectrogram_config{6, 4, {1, 3, 2}, {}}> {
  static constexpr std::string_view name = "sounds";
};
struct motion : mf::feature_sequence<mf::feature_config{3, 5, {.positions = false}}> {
  static constexpr std::string_view name = "motion";
};
struct text : mf::word_sequence<mf::word_config{7, 4, {}}> { static constexpr std::string_view name = "text"; };

/// Every policy, in training: the dropped tokens are the same in each run.
template <class D> struct modalities_example {
  static constexpr std::string_view name = "modality policies";
  static constexpr bool training = true;
  using list = mf::streams<camera, film, sounds, motion, text>;
  mf::fusion_model<list, mf::tokenize<mf::tokenizer_of, D, 4>, mf::readout<mf::mean_of_tokens, mf::linear<D, 4, 3>>> model;
  constexpr void members(auto&& visit) { visit("model", model); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(camera::raw(2)), draw.normal<D>(film::raw(2)), draw.normal<D>(sounds::raw(2)),
                         draw.normal<D>(motion::raw(2)), draw.integers<D>(text::raw(2), 7));
  }
  constexpr auto operator()(const auto&... raw) const { return model(raw...); }
};

}  // namespace described
