#include <multifuse/fusion/attention_refinement.hpp>

#include "../described/self_supervised.hpp"

namespace test_fusion_attention_refinement {

namespace mf = multifuse;
using dev = mf::cpu<double>;

TEST_CASE("refinement by attention: gradients, precision, determinism") {
  check::described<described::attention_refinement_example>();
}

TEST_CASE("refined tokens are weighted by attention and keep the length of their mean") {
  using attention = mf::shape<mf::batch<1>, mf::heads<2>, mf::keys<2>>;
  const mf::tensor<dev, mf::shape<mf::batch<1>, mf::tokens<2>, mf::width<1>>> x({}, std::vector<double>{1, 3});
  const mf::tensor<dev, attention> own({}, std::vector<double>{0.5, 0.5, 0.2, 0.6});
  const mf::tensor<dev, attention> other({}, std::vector<double>{0.2, 0.2, 0.5, 0.3});
  const auto y = mf::refine_by_attention(x, own, other);
  // ratios of means: 0.2 / 0.5 and 0.4 / 0.4; weights 0.2, 0.2 and 0.2, 0.6; their means 0.2 and 0.4
  const std::vector<double> weights{0.2, 0.2, 0.2, 0.6};
  for (std::size_t i = 0; i < 4; ++i) CHECK(y.weights.to_host()[i] == doctest::Approx(weights[i]));
  CHECK(y.tokens.to_host()[0] == doctest::Approx(0.2 * 1 * (2 / 0.7)));
  CHECK(y.tokens.to_host()[1] == doctest::Approx(0.4 * 3 * (2 / 0.7)));
  const auto soft = mf::refine_by_attention(x, own, other, mf::refinement::softmax).weights.to_host();
  CHECK(soft[0] == doctest::Approx(0.5));
  CHECK(soft[2] == doctest::Approx(1 / (1 + std::exp(0.4 * 0.4))));
}

}  // namespace test_fusion_attention_refinement
