#include <multifuse/ops/attention_probabilities.hpp>

#include "../described/selection.hpp"

namespace test_ops_attention_probabilities {

namespace mf = multifuse;
using D = mf::cpu<double>;

TEST_CASE("attention probabilities: gradients, precision, determinism") {
  check::described<described::attention_probabilities_example>();
}

TEST_CASE("attention probabilities agree with their definition") {
  check::source draw(2);
  const auto q = draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<5>, mf::width<6>>(2));
  const auto k = draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<6>>(2, 4));
  const auto p = mf::attention_probabilities<2>(q, k);
  static_assert(
      std::is_same_v<decltype(p)::shape_type, mf::shape<mf::batch<>, mf::heads<2>, mf::queries<5>, mf::keys<>>>);
  REQUIRE(p.dims().to_string() == "[batch 2, heads 2, queries 5, keys 4]");
  for (int item = 0; item < 2; ++item)
    for (int head = 0; head < 2; ++head)
      for (int i = 0; i < 5; ++i) {
        double weight[4], total = 0;
        for (int j = 0; j < 4; ++j) {
          double score = 0;
          for (int w = head * 3; w < head * 3 + 3; ++w)
            score += q.data()[(item * 5 + i) * 6 + w] * k.data()[(item * 4 + j) * 6 + w];
          total += weight[j] = std::exp(score / std::sqrt(3.0));
        }
        for (int j = 0; j < 4; ++j)
          CHECK(p.data()[((item * 2 + head) * 5 + i) * 4 + j] == doctest::Approx(weight[j] / total).epsilon(1e-12));
      }
}

TEST_CASE("attention probabilities times values are attention, for any scale and on the tape") {
  check::source draw(3);
  const auto x = draw.normal<D>(mf::shape<mf::tokens<>, mf::width<2>>(3));
  mf::tape tape;
  const auto watched = mf::watch(tape, x);
  const auto p = mf::attention_probabilities<1>(watched * 2.0, watched, {.scale = 0.3}).value();
  const auto y = mf::attention<1>(x * 2.0, x, x, {.scale = 0.3});
  for (int i = 0; i < 3; ++i)
    for (int w = 0; w < 2; ++w) {
      double expected = 0;
      for (int j = 0; j < 3; ++j) expected += p.data()[i * 3 + j] * x.data()[j * 2 + w];
      CHECK(y.data()[i * 2 + w] == doctest::Approx(expected).epsilon(1e-12));
    }
}

TEST_CASE("attention probabilities refuse what attention refuses") {
  const auto x = mf::zeros<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>(2, 3));
  const auto one = mf::zeros<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>(1, 3));
  CHECK_THROWS_AS(mf::attention_probabilities<2>(x, one), mf::shape_error);
}

}  // namespace test_ops_attention_probabilities
