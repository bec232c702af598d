#include "../described/norms.hpp"

namespace test_ops_layer_norm {

namespace mf = multifuse;
struct layer;
using norm = mf::layer_norm_op<layer>;

TEST_CASE("layer norm with less than two weights: gradients, precision, determinism") {
  check::described<described::bare_layer_norm_example>();
}

TEST_CASE_TEMPLATE("layer norm agrees with its definition", T, double, float) {
  using D = mf::cpu<T>;
  using S = mf::shape<mf::batch<>, mf::width<>>;
  using W = mf::shape<mf::width<>>;
  const double tolerance = sizeof(T) == 8 ? 1e-13 : 5e-6;
  for (const mf::isize width : {1, 5, 8, 23}) {
    check::source draw{std::uint64_t(width)};
    const auto x = draw.normal<D>(S(3, width), 3);
    const auto scale = draw.normal<D>(W(width)), bias = draw.normal<D>(W(width));
    const auto in = x.to_host(), s = scale.to_host(), b = bias.to_host();
    const auto bare = mf::apply(norm{0.01}, x).to_host(), scaled = mf::apply(norm{0.01}, x, scale).to_host(),
               whole = mf::apply(norm{0.01}, x, scale, bias).to_host();
    for (std::size_t row = 0; row < 3; ++row) {
      const std::size_t n = std::size_t(width);
      double mean = 0, variance = 0;
      for (std::size_t i = 0; i < n; ++i) mean += double(in[row * n + i]) / double(n);
      for (std::size_t i = 0; i < n; ++i) variance += std::pow(double(in[row * n + i]) - mean, 2) / double(n);
      for (std::size_t i = 0; i < n; ++i) {
        const double expected = (double(in[row * n + i]) - mean) / std::sqrt(variance + 0.01);
        CHECK(std::abs(bare[row * n + i] - expected) < tolerance);
        CHECK(std::abs(scaled[row * n + i] - expected * s[i]) < tolerance);
        CHECK(std::abs(whole[row * n + i] - (expected * s[i] + b[i])) < tolerance);
      }
    }
  }
}

TEST_CASE("standardized rows are a layer norm without weights") {
  using D = mf::cpu<double>;
  check::source draw(4);
  const auto x = draw.normal<D>(mf::shape<mf::batch<>, mf::width<7>>(3), 5);
  CHECK(mf::standardize(x).to_host() == mf::apply(norm{1e-5}, x).to_host());
  CHECK(mf::standardize(x, 0.3).to_host() == mf::apply(norm{0.3}, x).to_host());
}

TEST_CASE("layer norm of large numbers close to each other") {
  using D = mf::cpu<float>;
  const mf::tensor<D, mf::shape<mf::width<4>>> x({}, std::vector<float>{4096, 4097, 4098, 4099});
  const auto y = mf::apply(norm{0}, x).to_host();
  for (std::size_t i = 0; i < 4; ++i) CHECK(y[i] == doctest::Approx((double(i) - 1.5) / std::sqrt(1.25)).epsilon(1e-6));
}

TEST_CASE("layer norm refuses rows of another width") {
  using D = mf::cpu<float>;
  const auto x = mf::zeros<D>(mf::shape<mf::batch<>, mf::width<>>(2, 3));
  const auto three = mf::zeros<D>(mf::shape<mf::width<3>>());
  const auto four = mf::zeros<D>(mf::shape<mf::width<>>(4));
  CHECK_THROWS_WITH_AS(mf::apply(norm{1}, x, four),
                       "layer_norm: wrong extent of the last axis of [batch 2, width 3]; expected 4; got 3",
                       mf::shape_error);
  CHECK_THROWS_AS(mf::apply(norm{1}, x, three, four), mf::shape_error);
}

}  // namespace test_ops_layer_norm
