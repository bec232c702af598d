#include "../described/convolution.hpp"

namespace test_ops_pooling {

namespace mf = multifuse;
using mf::isize;
using D = mf::cpu<double>;
using mf::window_config;

TEST_CASE("pooling: gradients, precision, determinism") { check::described<described::pooling_example>(); }

TEST_CASE("pooling of numbers") {
  const mf::tensor<D, mf::shape<mf::batch<1>, mf::samples<5>, mf::channels<1>>> x({},
                                                                                  std::vector<double>{1, 5, 2, 2, -3});
  constexpr window_config pairs{.kernel = {2}, .stride = {2}, .padding = {1}};
  CHECK(mf::max_pool<pairs>(x).to_host() == std::vector<double>{1, 5, 2});
  CHECK(mf::average_pool<pairs>(x).to_host() == std::vector<double>{0.5, 3.5, -0.5});
  CHECK(mf::average_pool<pairs, mf::padding_counts::no>(x).to_host() == std::vector<double>{1, 3.5, -0.5});
}

namespace {
/// One channel of a volume [3, 4, 5, Channels] at a time, by the definition.
template <isize Channels> void compare_with_definition() {
  constexpr window_config C{.kernel = {2, 3, 2}, .stride = {1, 2, 2}, .padding = {1, 1, 0}, .dilation = {2, 1, 1}};
  check::source draw(3);
  const auto x =
      draw.normal<D>(mf::shape<mf::batch<2>, mf::frames<3>, mf::rows<4>, mf::columns<5>, mf::channels<>>(Channels));
  const auto most = mf::max_pool<C>(x), mean = mf::average_pool<C>(x),
             inside = mf::average_pool<C, mf::padding_counts::no>(x);
  using R = mf::shape<mf::batch<2>, mf::frames<3>, mf::rows<2>, mf::columns<2>, mf::channels<>>;
  static_assert(std::is_same_v<decltype(most)::shape_type, R>);
  const auto values = x.to_host(), found_most = most.to_host(), found_mean = mean.to_host(),
             found_inside = inside.to_host();
  std::size_t next = 0;
  for (isize item = 0; item < 2; ++item)
    for (isize p0 = 0; p0 < 3; ++p0)
      for (isize p1 = 0; p1 < 2; ++p1)
        for (isize p2 = 0; p2 < 2; ++p2)
          for (isize c = 0; c < Channels; ++c, ++next) {
            double largest = -1e300, total = 0;
            int count = 0;
            for (isize i0 = 0; i0 < 2; ++i0)
              for (isize i1 = 0; i1 < 3; ++i1)
                for (isize i2 = 0; i2 < 2; ++i2) {
                  const isize e0 = p0 - 1 + 2 * i0, e1 = 2 * p1 - 1 + i1, e2 = 2 * p2 + i2;
                  if (e0 < 0 || e0 >= 3 || e1 < 0 || e1 >= 4 || e2 >= 5) continue;
                  const double value = values[std::size_t((((item * 3 + e0) * 4 + e1) * 5 + e2) * Channels + c)];
                  largest = std::max(largest, value);
                  total += value;
                  ++count;
                }
            CHECK(found_most[next] == largest);
            CHECK(found_mean[next] == doctest::Approx(total / 12).epsilon(1e-12));
            CHECK(found_inside[next] == doctest::Approx(total / count).epsilon(1e-12));
          }
  CHECK(next == found_most.size());
}
}  // namespace

TEST_CASE("pooling of volumes agrees with its definition") {
  compare_with_definition<1>();
  compare_with_definition<34>();  // a whole block of channels and a short one
}

TEST_CASE("the first of equal elements gets the gradient of a maximum") {
  mf::tape tape;
  const mf::tensor<D, mf::shape<mf::batch<1>, mf::samples<4>, mf::channels<1>>> x({}, std::vector<double>{7, 7, 7, 3});
  const auto input = mf::watch(tape, x);
  const auto y = mf::max_pool<window_config{.kernel = {3}}>(input);
  mf::backward(y, y.value().clone().fill(1));
  CHECK(input.gradient().to_host() == std::vector<double>{1, 1, 0, 0});
}

TEST_CASE("NaN is the largest of all") {
  const double nan = std::nan("");
  const mf::tensor<D, mf::shape<mf::batch<1>, mf::samples<6>, mf::channels<1>>> x(
      {}, std::vector<double>{nan, 2, 1, nan, 3, 4});
  const auto y = mf::max_pool<window_config{.kernel = {2}, .stride = {2}}>(x).to_host();
  CHECK(std::isnan(y[0]));
  CHECK(std::isnan(y[1]));
  CHECK(y[2] == 4);
}

TEST_CASE("windows that see nothing are refused") {
  using S = mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<2>>;
  CHECK_THROWS_WITH_AS((mf::max_pool<window_config{.kernel = {2, 3}}>(mf::zeros<D>(S(1, 2, 2)))),
                       "max_pool: the kernel does not fit into the columns axis; expected at least 3; got 2",
                       mf::shape_error);
  CHECK_THROWS_WITH_AS((mf::average_pool<window_config{.kernel = {2, 1}, .padding = {1, 0}, .dilation = {2, 1}}>(
                           mf::zeros<D>(S(1, 1, 1)))),
                       "average_pool: windows miss the rows axis; expected at least the dilation, 2; got 1",
                       mf::shape_error);
  static_assert(!mf::padding_below_kernel<window_config{.kernel = {2, 2}, .padding = {0, 2}}>);
  static_assert(mf::padding_below_kernel<window_config{.kernel = {2, 2}, .padding = {1, 1}}>);
}

}  // namespace test_ops_pooling
