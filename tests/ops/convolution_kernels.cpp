#include <multifuse/layers/convolution.hpp>

#include "../support/check.hpp"
#include "../support/convolution_definition.hpp"

namespace test_ops_convolution_kernels {

namespace mf = multifuse;
using mf::isize;
using D = mf::cpu<double>;

namespace {

using numbers = std::vector<double>;

void compare(const char* what, const numbers& found, const numbers& expected) {
  REQUIRE(found.size() == expected.size());
  double worst = 0, scale = 1;
  for (std::size_t i = 0; i < found.size(); ++i) {
    scale = std::max(scale, std::abs(expected[i]));
    const double off = std::abs(found[i] - expected[i]);
    worst = off <= worst ? worst : off;  // NaN wins
  }
  INFO(what << ": off by " << worst << " of " << scale);
  CHECK(worst <= 1e-12 * scale);
}

/// A layer on [2 or more items, spatial axes, In] against the definition.
template <mf::window_config C, isize In, isize Out, isize Groups, class S> void compare_with_definition(const S& dims) {
  INFO("input " << dims.to_string() << ", " << Out << " outputs, " << Groups << " groups");
  mf::convolution<D, In, Out, C, Groups> layer;
  mf::initialize(layer, 4);
  check::source draw(2);
  const auto x = draw.normal<D>(dims);
  mf::tape tape;
  const auto input = mf::watch(tape, x);
  const auto y = layer(input);
  const auto dy = draw.normal<D>(y.dims());
  mf::backward(y, dy);
  isize in[3] = {1, 1, 1};
  for (std::size_t i = 0; i < C.axes(); ++i) in[i] = dims[i + 1];
  const auto expected =
      check::convolution_by_definition(C, dims[0], in, In, Groups, x.to_host(), layer.weight.value().to_host(),
                                       layer.bias.value().to_host(), dy.to_host());
  compare("result", y.value().to_host(), expected.y);
  compare("input gradient", input.gradient().to_host(), expected.dx);
  compare("weight gradient", layer.weight.gradient().to_host(), expected.dweight);
  compare("bias gradient", layer.bias.gradient().to_host(), expected.dbias);
}

template <isize In> using line = mf::shape<mf::batch<>, mf::tokens<>, mf::channels<In>>;
template <isize In> using plane = mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<In>>;
template <isize In> using volume = mf::shape<mf::batch<>, mf::frames<>, mf::rows<>, mf::columns<>, mf::channels<In>>;
using mf::window_config;

}  // namespace

TEST_CASE("convolutions agree with their definition") {
  compare_with_definition<window_config{.kernel = {3}, .stride = {2}, .padding = {4}}, 3, 2, 1>(line<3>(2, 7));
  compare_with_definition<window_config{.kernel = {1}}, 4, 6, 2>(line<4>(3, 5));
  compare_with_definition<window_config{.kernel = {1}, .stride = {2}}, 3, 2, 1>(line<3>(2, 5));
  compare_with_definition<window_config{.kernel = {3, 3}, .padding = {1, 1}}, 2, 3, 1>(plane<2>(2, 6, 5));
  compare_with_definition<window_config{.kernel = {2, 3}, .stride = {2, 3}, .padding = {0, 2}, .dilation = {2, 1}}, 4,
                          6, 2>(plane<4>(2, 6, 5));
  compare_with_definition<window_config{.kernel = {2, 3}, .stride = {2, 3}}, 3, 4, 1>(plane<3>(2, 5, 7));
  compare_with_definition<
      window_config{.kernel = {3, 1, 2}, .stride = {1, 2, 1}, .padding = {1, 0, 1}, .dilation = {1, 1, 2}}, 2, 3, 1>(
      volume<2>(2, 3, 4, 3));
}

TEST_CASE("depthwise convolutions agree with their definition") {
  compare_with_definition<window_config{.kernel = {3, 3}, .padding = {1, 1}}, 5, 5, 5>(plane<5>(2, 6, 5));
  compare_with_definition<window_config{.kernel = {2, 3}, .stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}}, 35,
                          35, 35>(plane<35>(3, 5, 6));  // a whole block of channels and a short one
  compare_with_definition<window_config{.kernel = {3, 2}}, 3, 6, 3>(plane<3>(2, 4, 5));  // two outputs of each channel
}

TEST_CASE("what does not fit into one block of scratch memory") {
  // blocks end within rows, within items, and hold more than an item
  compare_with_definition<window_config{.kernel = {3, 3}, .padding = {1, 1}}, 48, 2, 1>(plane<48>(2, 31, 37));
  compare_with_definition<window_config{.kernel = {5, 4}, .stride = {2, 3}, .padding = {2, 0}}, 64, 4, 2>(
      plane<64>(5, 13, 22));
  compare_with_definition<window_config{.kernel = {9}, .padding = {12}}, 64, 1, 1>(line<64>(3, 300));
}

}  // namespace test_ops_convolution_kernels
