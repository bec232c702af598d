#include "../described/attention.hpp"

#include <limits>

namespace test_ops_attention {

namespace mf = multifuse;
using D = mf::cpu<double>;

TEST_CASE("attention: gradients, precision, determinism") {
  check::described<described::plain_attention_example>();
  check::described<described::self_attention_example>();
}

TEST_CASE("attention with bias and mask: gradients, precision, determinism") {
  check::described<described::biased_attention_example>();
  check::described<described::bias_ranks_example>();
}

TEST_CASE("attention agrees with its definition, whatever the tile") {
  using S = mf::shape<mf::batch<>, mf::tokens<>, mf::width<6>>;
  check::source draw(1);
  const auto q = draw.normal<D>(S(2, 5)), k = draw.normal<D>(S(2, 4)), v = draw.normal<D>(S(2, 4));
  const auto bias = draw.normal<D>(mf::shape<mf::heads<2>, mf::queries<>, mf::keys<>>(5, 4));
  for (const mf::isize tile : {1, 2, 3, 5, 64}) {
    const auto y = mf::biased_attention<2>(q, k, v, bias, {.queries_at_once = tile}).to_host();
    for (int item = 0; item < 2; ++item)
      for (int head = 0; head < 2; ++head)
        for (int i = 0; i < 5; ++i) {
          double p[4], total = 0;
          for (int j = 0; j < 4; ++j) {
            double score = 0;
            for (int w = head * 3; w < head * 3 + 3; ++w)
              score += q.data()[(item * 5 + i) * 6 + w] * k.data()[(item * 4 + j) * 6 + w];
            p[j] = std::exp(score / std::sqrt(3.0) + bias.data()[(head * 5 + i) * 4 + j]);
            total += p[j];
          }
          for (int w = head * 3; w < head * 3 + 3; ++w) {
            double expected = 0;
            for (int j = 0; j < 4; ++j) expected += p[j] / total * v.data()[(item * 4 + j) * 6 + w];
            CHECK(y[std::size_t((item * 5 + i) * 6 + w)] == doctest::Approx(expected).epsilon(1e-12));
          }
        }
  }
}

TEST_CASE("attention survives scores that overflow an exponential") {
  using S = mf::shape<mf::batch<>, mf::tokens<2>, mf::width<1>>;
  const mf::tensor<mf::cpu<float>, S> q(S(1), std::vector<float>{1000, -1000}), v(S(1), std::vector<float>{1, 2});
  const auto y = mf::attention<1>(q, q, v, {.scale = 1}).to_host();
  CHECK(y[0] == 1);
  CHECK(y[1] == 2);
}

TEST_CASE("attention refuses what it cannot do, and says what") {
  using S = mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>;
  using M = mf::shape<mf::batch<>, mf::tokens<>>;
  const auto x = mf::zeros<D>(S(2, 3)), four = mf::zeros<D>(S(2, 4)), one = mf::zeros<D>(S(1, 3));
  CHECK_THROWS_WITH_AS(mf::attention<2>(x, x, four), "attention: there are not as many values as keys; expected 3; got 4",
                       mf::shape_error);
  CHECK_THROWS_WITH_AS(mf::attention<2>(x, one, one),
                       "attention: keys or values disagree on the batch axis; expected 2; got 1", mf::shape_error);
  CHECK_THROWS_WITH_AS(mf::masked_attention<2>(x, x, x, mf::zeros<D>(M(2, 4))),
                       "attention: the key mask disagrees on the tokens axis; expected 3; got 4", mf::shape_error);
  const auto bias = [](mf::isize items, mf::isize heads, mf::isize keys) {
    return mf::zeros<D>(mf::shape<mf::batch<>, mf::heads<>, mf::keys<>>(items, heads, keys));
  };
  CHECK_NOTHROW(mf::biased_attention<2>(x, x, x, bias(2, 2, 3), {}));
  CHECK_THROWS_WITH_AS(mf::biased_attention<2>(x, x, x, bias(1, 2, 3), {}),
                       "attention: the bias has a wrong extent of the batch axis; expected 2; got 1", mf::shape_error);
  CHECK_THROWS_WITH_AS(mf::biased_attention<2>(x, x, x, bias(2, 1, 3), {}),
                       "attention: the bias has a wrong extent of the heads axis; expected 2; got 1", mf::shape_error);
  CHECK_THROWS_WITH_AS(mf::biased_attention<2>(x, x, x, bias(2, 2, 4), {}),
                       "attention: the bias has a wrong extent of the keys axis; expected 3; got 4", mf::shape_error);
  const auto odd = mf::zeros<D>(mf::shape<mf::tokens<>, mf::width<>>(3, 5));
  CHECK_THROWS_WITH_AS(mf::attention<2>(odd, odd, odd),
                       "attention: the number of heads does not divide the width; expected 2; got 5", mf::shape_error);
  CHECK_THROWS_WITH_AS(mf::attention<2>(x, x, x, {.queries_at_once = 0}),
                       "attention: no queries at once; expected at least 1; got 0", mf::argument_error);
  mf::tensor<D, M> mask(M(2, 3), std::vector<double>{1, 1, 1, 0, 0, 0});
  CHECK_THROWS_WITH_AS(mf::masked_attention<2>(x, x, x, mask),
                       "attention: every key is masked; expected at least one key for each query; got none for item 1, "
                       "head 0, query 0",
                       mf::argument_error);
  mask.data()[4] = 1;
  CHECK_NOTHROW(mf::masked_attention<2>(x, x, x, mask));
  const auto hidden = bias(2, 2, 3);
  for (const int key : {0, 1, 2}) hidden.data()[9 + key] = -std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(mf::biased_attention<2>(x, x, x, hidden, {}),
                       "attention: every key is masked; expected at least one key for each query; got none for item 1, "
                       "head 1, query 0",
                       mf::argument_error);
}

}  // namespace test_ops_attention
