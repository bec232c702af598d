#include "../described/selection.hpp"

namespace test_layers_token_pooling {

namespace mf = multifuse;
using D = mf::cpu<double>;
using mf::isize;
using kind = mf::pooling_kind;
using mf::token_pooling_config;

TEST_CASE("token pooling by windows and channels: gradients, precision, determinism") {
  check::described<described::window_pooling_example>();
}
TEST_CASE("token pooling by choice: gradients, precision, determinism") {
  check::described<described::token_choice_example>();
}

namespace {
using line = mf::shape<mf::batch<1>, mf::tokens<6>, mf::width<1>>;
using each = mf::shape<mf::batch<1>, mf::tokens<6>>;
const mf::tensor<D, line> x({}, std::vector<double>{1, 5, 2, -4, 0, 3});
const mf::tensor<D, each> scores({}, std::vector<double>{0.1, 0.2, 0.3, 0.1, 0.2, 0.1});

template <token_pooling_config C> std::vector<double> pooled() {
  const mf::token_pooling<C> pool{};
  if constexpr (C.uses_scores())
    return pool(x, scores).to_host();
  else
    return pool(x).to_host();
}
}  // namespace

TEST_CASE("token pooling of numbers") {
  CHECK(pooled<token_pooling_config{.kind = kind::max, .window = 3}>() == std::vector<double>{5, 3});
  CHECK(pooled<token_pooling_config{.kind = kind::max, .window = 4}>() == std::vector<double>{5});
  CHECK(pooled<token_pooling_config{.kind = kind::average, .window = 2, .padding = 1}>() ==
        std::vector<double>{0.5, 3.5, -2, 1.5});
  CHECK(pooled<token_pooling_config{.kind = kind::largest_values, .kept = 2}>() == std::vector<double>{5, 3});
  CHECK(pooled<token_pooling_config{.kind = kind::top_tokens, .kept = 3}>() == std::vector<double>{2, 5, 0});
  CHECK(pooled<token_pooling_config{.kind = kind::none}>() == x.to_host());
  CHECK(pooled<token_pooling_config{.kind = kind::medoids, .kept = 6}>() == x.to_host());
  const auto weighted = pooled<token_pooling_config{.kind = kind::weighted_average, .window = 3}>();
  CHECK(weighted[0] == doctest::Approx((0.1 + 1.0 + 0.6) / 3 / (0.2 + 1e-5)).epsilon(1e-12));
  CHECK(weighted[1] == doctest::Approx((-0.4 + 0 + 0.3) / 3 / (0.4 / 3 + 1e-5)).epsilon(1e-12));
}

TEST_CASE("random pooling: anew in each use on a tape, always the same without one") {
  mf::token_pooling<token_pooling_config{.kind = kind::random_tokens, .kept = 3}> pool;
  mf::initialize(pool, 5);
  check::source draw(2);
  const auto many = draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<50>, mf::width<1>>(4));
  CHECK(pool(many).to_host() == pool(many).to_host());
  mf::tape tape(mf::tape_options{true, {7, 8}});
  const auto first = mf::plain_tensor(pool(mf::record(tape, many))).to_host();
  CHECK(mf::plain_tensor(pool(mf::record(tape, many))).to_host() != first);
  mf::tape again(mf::tape_options{true, {7, 8}});
  CHECK(mf::plain_tensor(pool(mf::record(again, many))).to_host() == first);
}

TEST_CASE("token pooling refuses what does not fit, in the type or at run time") {
  static_assert(!mf::valid_token_pooling<token_pooling_config{.kind = kind::max}>);
  static_assert(!mf::valid_token_pooling<token_pooling_config{.kind = kind::max, .window = 3, .padding = 2}>);
  static_assert(!mf::valid_token_pooling<token_pooling_config{.kind = kind::top_tokens, .window = 3}>);
  const auto five = mf::zeros<D>(mf::shape<mf::batch<1>, mf::tokens<>, mf::width<2>>(5));
  const mf::token_pooling<token_pooling_config{.kind = kind::strided_random, .window = 2}> strided{};
  CHECK_THROWS_WITH_AS(strided(five),
                       "token_pooling: interleaved windows do not divide the tokens axis; expected a multiple of 2; got 5",
                       mf::shape_error);
  const mf::token_pooling<token_pooling_config{.kind = kind::max, .window = 6}> wide{};
  CHECK_THROWS_AS(wide(five), mf::shape_error);
}

}  // namespace test_layers_token_pooling
