// Two modalities that the library does not know: a depth camera from a ready policy, and an inertial unit that makes its
// own tokens, one for each window of ten readings.
#include <cstdio>
#include <multifuse/multifuse.hpp>
namespace mf = multifuse;

struct depth : mf::image_patches<mf::image_config{.rows = 48, .columns = 64, .channels = 1, .patch = {1, 16, 16}}> {
  static constexpr std::string_view name = "depth";
};

struct imu {
  static constexpr std::string_view name = "imu";
  using raw = mf::shape<mf::batch<>, mf::samples<200>, mf::channels<6>>;  // readings of acceleration and rotation
  static constexpr mf::isize token_count = 20;
  template <class D, mf::isize Width> struct tokenizer {
    mf::convolution<D, 6, Width, mf::window_config{.kernel = {10}, .stride = {10}}> windows;
    mf::learned_positions<D, token_count, Width> positions;
    constexpr void members(auto&& visit) { visit("windows", windows), visit("positions", positions); }
    constexpr auto operator()(const auto& x) const {
      return positions(mf::rename<mf::channels_axis, mf::width_axis>(mf::rename<mf::samples_axis, mf::tokens_axis>(windows(x))));
    }
  };
};

int main() {
  using dev = mf::cpu<float>;
  using block = mf::transformer_block<dev, 32, 4>;
  using net = mf::fusion_model<mf::streams<depth, imu>, mf::tokenize<mf::tokenizer_of, dev, 32>,
                               mf::stage<2, mf::cross_attention_fusion<block>>,
                               mf::readout<mf::mean_of_tokens, mf::linear<dev, 32, 3>>>;
  net model;
  mf::initialize(model, 1);
  const auto logits = model(mf::zeros<dev>(depth::raw(2)), mf::zeros<dev>(imu::raw(2)));
  std::printf("%s logits from %td + %td tokens\n", logits.dims().to_string().c_str(), depth::token_count, imu::token_count);
}
