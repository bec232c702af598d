#include "../described/convolution.hpp"

namespace test_ops_convolution {

namespace mf = multifuse;
using mf::window_config;
using D = mf::cpu<double>;

TEST_CASE("convolutions: gradients, precision, determinism") { check::described<described::convolution_example>(); }

TEST_CASE("bad windows and channels are refused") {
  mf::convolution<D, 1, 1, window_config{.kernel = {3, 3}}> layer;
  mf::initialize(layer, 1);
  CHECK_THROWS_WITH_AS(layer(mf::zeros<D>(mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<1>>(1, 4, 2))),
                       "convolution: the kernel does not fit into the columns axis; expected at least 3; got 2",
                       mf::shape_error);
  CHECK_THROWS_WITH_AS(
      layer(mf::zeros<D>(mf::shape<mf::batch<1>, mf::rows<4>, mf::columns<4>, mf::channels<>>(2))),
      "convolution: wrong number of channels of [batch 1, rows 4, columns 4, channels 2]; expected 1; got 2",
      mf::shape_error);
  static_assert(mf::valid_windows<window_config{.kernel = {3, 1, 2}, .stride = {2, 1, 1}}>);
  static_assert(!mf::valid_windows<window_config{}>);
  static_assert(!mf::valid_windows<window_config{.kernel = {3, -3}}>);
  static_assert(!mf::valid_windows<window_config{.kernel = {3, 0, 3}}>);
  static_assert(!mf::valid_windows<window_config{.kernel = {3, 3}, .stride = {1, 1, 2}}>);
  static_assert(!mf::valid_windows<window_config{.kernel = {3}, .padding = {-1}}>);
  static_assert(!mf::groups_divide_channels<6, 4, 3> && !mf::groups_divide_channels<4, 4, 0>);
}

TEST_CASE("the cost of convolutions is counted by the compiler") {
  constexpr auto cost = [] {
    mf::operation_count count;
    const mf::convolution<mf::meta, 4, 6, window_config{.kernel = {3, 3}, .padding = {1, 1}}, 2> layer;
    (void)layer(
        mf::tensor<mf::meta, mf::shape<mf::batch<2>, mf::rows<5>, mf::columns<7>, mf::channels<4>>>({}, &count));
    return count;
  }();
  static_assert(cost.forward_flops == 2.0 * (2 * 5 * 7 * 6) * (9 * 2) + 2 * 5 * 7 * 6);
}

}  // namespace test_ops_convolution
