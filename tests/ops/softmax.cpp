#include "../described/norms.hpp"

namespace mf = multifuse;
using S = mf::shape<mf::batch<>, mf::width<3>>;

TEST_CASE("softmax and l2 normalization: gradients, precision, determinism") {
  check::described<described::softmax_example>();
  check::described<described::l2_normalize_example>();
}

TEST_CASE("softmax of numbers that overflow an exponential") {
  const mf::tensor<mf::cpu<float>, S> x(S(1), std::vector<float>{1000, 1000, -1000});
  CHECK(mf::softmax(x).to_host() == std::vector<float>{0.5f, 0.5f, 0.0f});
  const auto logarithm = mf::log_softmax(x).to_host();
  CHECK(logarithm[0] == doctest::Approx(-0.6931472));
  CHECK(logarithm[2] == doctest::Approx(-2000.6931));
}

TEST_CASE("l2 normalization leaves zeros alone") {
  const mf::tensor<mf::cpu<float>, S> x(S(2), std::vector<float>{0, 0, 0, 3, 0, -4});
  CHECK(mf::l2_normalize(x).to_host() == std::vector<float>{0, 0, 0, 0.6f, 0, -0.8f});
}
