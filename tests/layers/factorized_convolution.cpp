#include "../described/residual.hpp"

namespace test_layers_factorized_convolution {

namespace mf = multifuse;
using D = mf::cpu<double>;

TEST_CASE("factorized convolution: gradients, precision, determinism") {
  check::described<described::factorized_convolution_example>();
}

TEST_CASE("as many weights as a full convolution, or a few less") {
  CHECK(mf::factorized_channels(64, 64) == 144);
  CHECK(mf::factorized_channels(64, 128) == 230);
  CHECK(mf::factorized_channels(128, 128) == 288);
  CHECK(mf::factorized_channels(512, 512) == 1152);
  using layer = mf::factorized_convolution<D, 64, 64>;
  const layer made;
  CHECK(made.spatial.weight.count + made.temporal.weight.count == 27 * 64 * 64);
}

TEST_CASE("strides apply to space and to time") {
  mf::factorized_convolution<D, 2, 4, mf::factorized_config{.stride = 2, .frame_stride = 2}> layer;
  mf::initialize(layer, 1);
  using S = mf::shape<mf::batch<>, mf::frames<>, mf::rows<>, mf::columns<>, mf::channels<2>>;
  const auto y = layer(mf::zeros<D>(S(2, 5, 7, 6)));
  CHECK(y.dims()[0] == 2);
  CHECK(y.dims()[1] == 3);
  CHECK(y.dims()[2] == 4);
  CHECK(y.dims()[3] == 3);
  CHECK(y.dims()[4] == 4);
}

}  // namespace test_layers_factorized_convolution
