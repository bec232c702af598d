// goldens: xdc
#include <golden/xdc.hpp>

#include "xdc_support.hpp"

using namespace golden_xdc;
using config = golden::xdc::config;

TEST_CASE("R(2+1)D: stages, features, loss and gradients, in evaluation and training") {
  golden::file file(golden::xdc::path);
  constexpr xdc::config c{.video_width = config::w, .stem_channels = config::stem_mid};
  using model = xdc::network<xdc::video_encoder<D, c>, xdc::strategy::cross,
                             xdc::clusters{.video = config::k_video, .audio = config::k_audio}>;
  const mf::shape<mf::batch<>, mf::channels<3>, mf::frames<>, mf::rows<>, mf::columns<>> as_filed(
      config::B, config::clip[0], config::clip[1], config::clip[2]);
  const auto to_ours = [](const auto& x) {
    return mf::permute<mf::batch_axis, mf::frames_axis, mf::rows_axis, mf::columns_axis, mf::channels_axis>(x);
  };
  check_network<model>(
      file, "video.", file.tensor<D>("input.video", as_filed), {.audio = read_labels(file, "input.audio_cluster")}, to_ours,
      [&](isize number, const auto& map) {
        if (number >= 0 && number % 2 == 0) return;  // stages have two blocks
        const std::string name = number < 0 ? "stem" : "layer" + std::to_string(number / 2 + 1);
        file.expect("output.video." + name,
                    mf::permute<mf::batch_axis, mf::channels_axis, mf::frames_axis, mf::rows_axis, mf::columns_axis>(map),
                    golden::output_tolerance);
      });
  for (const std::string part : {"input.audio", "input.video_cluster", "param.audio", "output.audio", "output.train.audio",
                                 "loss.audio", "loss.train.audio", "grad.audio", "grad.train.audio", "grad.input.audio"})
    file.set_aside(part, "the audio network, which another test checks");
  for (const std::string mode : {"", "train."}) {
    const auto sum = file.values("loss." + mode + "video")[0] + file.values("loss." + mode + "audio")[0];
    file.expect("loss." + mode + "xdc", std::vector<float>{sum}, golden::loss_tolerance);
  }
  file.require_all_used();
}
