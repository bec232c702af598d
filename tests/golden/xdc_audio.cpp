// goldens: xdc
#include <golden/xdc.hpp>

#include "xdc_support.hpp"

using namespace golden_xdc;
using config = golden::xdc::config;

TEST_CASE("audio network: blocks, features, loss and gradients, in evaluation and training") {
  golden::file file(golden::xdc::path);
  constexpr xdc::config c = [] {
    xdc::config made;
    for (std::size_t i = 0; i < made.audio_channels.size(); ++i) made.audio_channels[i] = config::ach[i];
    return made;
  }();
  using model = xdc::network<xdc::audio_encoder<D, c>, xdc::strategy::cross,
                             xdc::clusters{.video = config::k_video, .audio = config::k_audio}>;
  const mf::shape<mf::batch<>, mf::channels<1>, mf::rows<>, mf::columns<>> as_filed(config::B, config::mels[0],
                                                                                    config::mels[1]);
  const auto to_ours = [](const auto& x) {
    return mf::permute<mf::batch_axis, mf::rows_axis, mf::columns_axis, mf::channels_axis>(x);
  };
  check_network<model>(
      file, "audio.", file.tensor<D>("input.audio", as_filed), {.video = read_labels(file, "input.video_cluster")}, to_ours,
      [&](isize number, const auto& map) {
        file.expect("output.audio.block" + std::to_string(number),
                    mf::permute<mf::batch_axis, mf::channels_axis, mf::rows_axis, mf::columns_axis>(map),
                    golden::output_tolerance);
      });
  for (const std::string part :
       {"input.video", "input.audio_cluster", "param.video", "output.video", "output.train.video", "loss.video",
        "loss.train.video", "loss.xdc", "loss.train.xdc", "grad.video", "grad.train.video", "grad.input.video"})
    file.set_aside(part, "the video network and the sum of both losses, which another test checks");
  file.require_all_used();
}
