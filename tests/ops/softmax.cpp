#include "../described/softmax.hpp"

#include <limits>

namespace test_ops_softmax {

namespace mf = multifuse;

TEST_CASE("softmax: gradients, precision, determinism") { check::described<described::softmax_example>(); }

TEST_CASE_TEMPLATE("softmax agrees with its definition", T, double, float) {
  using S = mf::shape<mf::batch<>, mf::width<>>;
  const double tolerance = sizeof(T) == 8 ? 1e-14 : 2e-6;
  for (const mf::isize width : {1, 2, 7, 8, 9, 16, 37}) {
    check::source draw(std::uint64_t(width) + 3);
    const auto x = draw.normal<mf::cpu<T>>(S(3, width), 4);
    const auto in = x.to_host(), y = mf::softmax(x).to_host(), logarithm = mf::log_softmax(x).to_host();
    for (mf::isize row = 0; row < 3; ++row) {
      double total = 0;
      for (mf::isize i = 0; i < width; ++i) total += std::exp(double(in[std::size_t(row * width + i)]));
      for (mf::isize i = 0; i < width; ++i) {
        const auto at = std::size_t(row * width + i);
        CHECK(std::abs(double(y[at]) - std::exp(double(in[at])) / total) < tolerance);
        CHECK(std::abs(double(logarithm[at]) - (double(in[at]) - std::log(total))) < 10 * tolerance);
      }
    }
  }
}

TEST_CASE("softmax neither overflows nor loses what is small") {
  using D = mf::cpu<float>;
  using S = mf::shape<mf::width<3>>;
  const mf::tensor<D, S> x({}, std::vector<float>{3e38f, -3e38f, 3e38f});
  CHECK(mf::softmax(x).to_host() == std::vector<float>{0.5f, 0.0f, 0.5f});
  const mf::tensor<D, S> far({}, std::vector<float>{0, -200, -500});
  CHECK(mf::log_softmax(far).to_host() == std::vector<float>{0, -200, -500});
  const float hidden = -std::numeric_limits<float>::infinity();
  const mf::tensor<D, S> masked({}, std::vector<float>{hidden, 7, hidden});
  CHECK(mf::softmax(masked).to_host() == std::vector<float>{0, 1, 0});
  const mf::tensor<D, S> nothing({}, std::vector<float>{hidden, hidden, hidden});
  for (const float y : mf::softmax(nothing).to_host()) CHECK(std::isnan(y));
}

}  // namespace test_ops_softmax
