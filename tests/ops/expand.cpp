#include "../described/rearrange.hpp"

namespace test_ops_expand {

namespace mf = multifuse;
using dev = mf::cpu<float>;

TEST_CASE("expand: gradients, precision, determinism") { check::described<described::expand_example>(); }

TEST_CASE("expand repeats along a new first axis or a single one") {
  const std::vector<float> values{1, 2, 3, 4};
  const mf::tensor<dev, mf::shape<mf::tokens<2>, mf::width<2>>> x({}, values);
  const auto y = mf::expand<mf::batch_axis>(x, 3);
  CHECK(y.dims().to_string() == "[batch 3, tokens 2, width 2]");
  CHECK(y.to_host() == std::vector<float>{1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4});
  const mf::tensor<dev, mf::shape<mf::batch<2>, mf::tokens<1>, mf::width<2>>> single({}, values);
  const auto grown = mf::expand<mf::tokens_axis, 2>(single);
  static_assert(
      std::is_same_v<decltype(grown), const mf::tensor<dev, mf::shape<mf::batch<2>, mf::tokens<2>, mf::width<2>>>>);
  CHECK(grown.to_host() == std::vector<float>{1, 2, 1, 2, 3, 4, 3, 4});
  CHECK_THROWS_AS(mf::expand<mf::batch_axis>(x, 0), mf::shape_error);
}

TEST_CASE("expand_batch follows its model: static, dynamic, on the tape, on the meta device") {
  mf::parameter<dev, mf::tokens<1>, mf::width<2>> token;
  const std::vector<float> values{5, 6};
  token.bind(mf::tensor<dev, mf::shape<mf::tokens<1>, mf::width<2>>>({}, values));
  const auto like = mf::zeros<dev>(mf::shape<mf::batch<>, mf::tokens<7>, mf::width<2>>(3));
  const auto plain = mf::expand_batch(token, like);
  static_assert(
      std::is_same_v<decltype(plain), const mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<1>, mf::width<2>>>>);
  CHECK(plain.to_host() == std::vector<float>{5, 6, 5, 6, 5, 6});

  mf::tape tape;
  const auto on_tape = mf::expand_batch(token, mf::record(tape, like));  // nobody wants the gradient of `like`
  static_assert(mf::is_variable<std::remove_const_t<decltype(on_tape)>>);
  mf::backward(on_tape, plain);
  CHECK(token.gradient().to_host() == std::vector<float>{15, 18});

  constexpr auto counted = [] {
    const mf::parameter<dev, mf::tokens<1>, mf::width<2>> weights;
    mf::operation_count count;
    const mf::tensor<mf::meta, mf::shape<mf::batch<4>, mf::width<2>>> x({}, &count);
    const auto y = mf::expand_batch(weights, x * 2.0);
    static_assert(
        std::is_same_v<decltype(y), const mf::tensor<mf::meta, mf::shape<mf::batch<4>, mf::tokens<1>, mf::width<2>>>>);
    return count.backward_flops;
  }();
  static_assert(counted == 8);
}

}  // namespace test_ops_expand
