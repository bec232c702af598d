#include "../described/convolution.hpp"

namespace mf = multifuse;
using D = mf::cpu<double>;

TEST_CASE("convolutions: gradients, precision, determinism") { check::described<described::convolution_example>(); }
TEST_CASE("pooling: gradients, precision, determinism") { check::described<described::pooling_example>(); }

namespace {
/// A convolution by its definition, 2-D, groups included.
template <mf::window_config C, mf::isize Groups, mf::isize In, mf::isize Out> void compare_with_definition() {
  mf::convolution<D, In, Out, C, Groups> layer;
  mf::initialize(layer, 4);
  check::source draw(2);
  const auto x = draw.normal<D>(mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<In>>(2, 6, 5));
  const auto y = layer(x);
  const auto [n, rows, columns, channels] = y.dims().extents();
  const auto values = y.to_host();
  std::size_t place = 0;
  for (mf::isize item = 0; item < n; ++item)
    for (mf::isize r = 0; r < rows; ++r)
      for (mf::isize c = 0; c < columns; ++c)
        for (mf::isize o = 0; o < channels; ++o) {
          double expected = layer.bias.value().data()[o];
          for (mf::isize i = 0; i < C.tap(0); ++i)
            for (mf::isize j = 0; j < C.tap(1); ++j)
              for (mf::isize k = 0; k < In / Groups; ++k) {
                const mf::isize row = r * C.step(0) - C.padding[0] + i * C.spread(0);
                const mf::isize column = c * C.step(1) - C.padding[1] + j * C.spread(1);
                if (row < 0 || row >= 6 || column < 0 || column >= 5) continue;
                const mf::isize channel = o / (Out / Groups) * (In / Groups) + k;
                expected += layer.weight.value().data()[(o * C.taps() + i * C.tap(1) + j) * (In / Groups) + k] *
                            x.data()[((item * 6 + row) * 5 + column) * In + channel];
              }
          CHECK(values[place++] == doctest::Approx(expected).epsilon(1e-12));
        }
}
}  // namespace

TEST_CASE("convolutions agree with their definition") {
  compare_with_definition<mf::window_config{.kernel = {3, 3}, .padding = {1, 1}}, 1, 2, 3>();
  compare_with_definition<mf::window_config{.kernel = {2, 3}, .stride = {2, 3}, .padding = {0, 2}, .dilation = {2, 1}}, 2, 4, 6>();
  compare_with_definition<mf::window_config{.kernel = {3, 3}, .padding = {1, 1}}, 4, 4, 4>();
}

TEST_CASE("a kernel that does not fit is refused") {
  mf::convolution<D, 1, 1, mf::window_config{.kernel = {3, 3}}> layer;
  mf::initialize(layer, 1);
  CHECK_THROWS_WITH_AS(layer(mf::zeros<D>(mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<1>>(1, 4, 2))),
                       "convolution: the kernel does not fit into the columns axis; expected at least 3; got 2",
                       mf::shape_error);
}

TEST_CASE("pooling of numbers") {
  const mf::tensor<D, mf::shape<mf::batch<1>, mf::samples<5>, mf::channels<1>>> x({}, std::vector<double>{1, 5, 2, 2, -3});
  constexpr mf::window_config pairs{.kernel = {2}, .stride = {2}, .padding = {1}};
  CHECK(mf::max_pool<pairs>(x).to_host() == std::vector<double>{1, 5, 2});
  CHECK(mf::average_pool<pairs>(x).to_host() == std::vector<double>{0.5, 3.5, -0.5});
  CHECK(mf::average_pool<pairs, mf::padding_counts::no>(x).to_host() == std::vector<double>{1, 3.5, -0.5});
}
