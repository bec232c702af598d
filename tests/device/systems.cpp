// Whole systems at toy size, in training mode where they draw random numbers.
#include <multifuse/systems/mbt.hpp>
#include <multifuse/systems/uavm.hpp>

#include "parity.hpp"

namespace test_device_systems {

namespace described {

namespace mf = multifuse;

template <class D> struct mbt_example {
  static constexpr std::string_view name = "MBT";
  static constexpr bool training = true;
  static constexpr mf::mbt::config settings{.frames = 2, .image_rows = 8, .image_columns = 4, .spectrogram_rows = 12,
                                            .spectrogram_columns = 4, .patch_frames = 2, .patch_rows = 4,
                                            .patch_columns = 4, .width = 4, .heads = 2, .hidden = 6, .layers = 2,
                                            .fusion_layer = 1, .bottlenecks = 2, .classes = 3};
  mf::mbt::model<D, settings> model;
  constexpr void members(auto&& visit) { visit("model", model); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(
        draw.normal<D>(mf::shape<mf::batch<>, mf::rows<12>, mf::columns<4>, mf::channels<3>>(3)),
        draw.normal<D>(mf::shape<mf::batch<>, mf::frames<2>, mf::rows<8>, mf::columns<4>, mf::channels<3>>(3)));
  }
  constexpr auto operator()(const auto& sound, const auto& images) const { return model(sound, images); }
};

template <class D> struct uavm_example {
  static constexpr std::string_view name = "UAVM";
  static constexpr mf::uavm::config settings{.audio_features = 5, .video_features = 7, .audio_tokens = 3,
                                             .video_tokens = 3, .width = 4, .shared_width = 6, .heads = 2,
                                             .specific_depth = 1, .shared_depth = 1, .classes = 3};
  mf::uavm::model<D, settings> model;
  constexpr void members(auto&& visit) { visit("model", model); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<3>, mf::width<5>>(2)),
                         draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<3>, mf::width<7>>(2)));
  }
  constexpr auto operator()(const auto& a, const auto& v) const { return model(a, v); }
};

}  // namespace described

TEST_CASE("whole systems on another device") {
  check::parity<described::mbt_example>();
  check::parity<described::uavm_example>();
}

}  // namespace test_device_systems
