// goldens: everything_at_once_dataops
#include <golden/everything_at_once_dataops.hpp>
#include <multifuse/modalities/fit_tokens.hpp>

#include "support/golden.hpp"

namespace mf = multifuse;
using config = golden::everything_at_once_dataops::config;

TEST_CASE("features of a longer video, and tokens of a longer sound, as so many tokens") {
  golden::file file(golden::everything_at_once_dataops::path);
  const auto expect = [&](const std::string& who, const std::string& how, const mf::fitted_tokens& made) {
    file.expect("output." + who + "." + how, made.values, golden::output_tolerance);
    file.expect("output." + who + "_mask." + how, made.kept, 0);
  };
  const auto sequence = [&](const std::string& name) {
    return mf::timed_features{file.values("input." + name), file.contents().at("input." + name).shape[1]};
  };
  const auto images = sequence("feat_2d"), motion = sequence("feat_3d"), sound = sequence("audio_tokens");
  using how = mf::token_fitting;
  const auto video = [&](how fitting) { return mf::fit_features({images, motion}, config::n_tokens, fitting); };
  expect("video", "clip", video(how::clip));
  expect("video", "nearest", video(how::nearest));
  expect("video", "max_pool", video(how::windows));
  const auto first = [](const mf::timed_features& all, mf::isize rows) {
    return mf::timed_features{{all.values.begin(), all.values.begin() + rows * all.width}, all.width};
  };
  expect("video", "clip_short",
         mf::fit_features({first(images, 2), first(motion, config::n_tokens - 1)}, config::n_tokens, how::clip));

  const auto kept = file.values("input.audio_mask");
  const auto valid = mf::isize(std::count(kept.begin(), kept.end(), 1.0f));
  CHECK(valid == config::audio_nframes);
  const auto audio = [&](how fitting) {
    return mf::fit_tokens(sound.values, sound.width, valid, config::n_tokens, fitting);
  };
  expect("audio", "clip", audio(how::clip));
  expect("audio", "nearest", audio(how::nearest));
  expect("audio", "max_pool", audio(how::largest));
  expect("audio", "avg_pool", audio(how::mean));
  file.require_all_used();
}
