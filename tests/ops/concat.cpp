#include "../described/concat.hpp"

namespace test_ops_concat {

namespace mf = multifuse;
using dev = mf::cpu<float>;

TEST_CASE("concat: gradients, precision, determinism") { check::described<described::concat_example>(); }

TEST_CASE("concat joins along any axis; static extents add up") {
  const std::vector<float> six{1, 2, 3, 4, 5, 6}, four{7, 8, 9, 10};
  const mf::tensor<dev, mf::shape<mf::batch<2>, mf::tokens<3>>> a({}, six);
  const mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<2>>> b(mf::shape<mf::batch<>, mf::tokens<2>>(2), four);
  const auto y = mf::concat<mf::tokens_axis>(a, b);
  static_assert(std::is_same_v<decltype(y), const mf::tensor<dev, mf::shape<mf::batch<2>, mf::tokens<5>>>>);
  CHECK(y.to_host() == std::vector<float>{1, 2, 3, 7, 8, 4, 5, 6, 9, 10});

  const auto stacked = mf::concat<mf::batch_axis>(b, b * 2.0, b);
  static_assert(std::is_same_v<decltype(stacked), const mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<2>>>>);
  CHECK(stacked.to_host() == std::vector<float>{7, 8, 9, 10, 14, 16, 18, 20, 7, 8, 9, 10});
  CHECK(mf::concat<mf::tokens_axis>(a).data() == a.data());

  const mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<2>>> more(mf::shape<mf::batch<>, mf::tokens<2>>(3));
  CHECK_THROWS_WITH_AS(mf::concat<mf::tokens_axis>(b, more),
                       "concat: values disagree on the batch axis; expected 2; got 3", mf::shape_error);
  CHECK_THROWS_AS(mf::concat<mf::tokens_axis>(a, more), mf::shape_error);
}

TEST_CASE("concat of data and variables hands every part its gradient") {
  using S = mf::shape<mf::batch<>, mf::tokens<>>;
  const std::vector<float> six{1, 2, 3, 4, 5, 6}, four{7, 8, 9, 10};
  mf::tape tape;
  const mf::tensor<dev, S> data(S(2, 3), six);
  const auto x = mf::watch(tape, mf::tensor<dev, S>(S(2, 2), four));
  const auto y = mf::concat<mf::tokens_axis>(data, x, x);
  mf::backward(y, y.value());
  CHECK(x.gradient().to_host() == std::vector<float>{14, 16, 18, 20});
}

TEST_CASE("concat of shapes is a constant expression") {
  constexpr auto tokens = [] {
    const mf::tensor<mf::meta, mf::shape<mf::batch<2>, mf::tokens<3>>> a;
    const mf::tensor<mf::meta, mf::shape<mf::batch<>, mf::tokens<>>> b(mf::shape<mf::batch<>, mf::tokens<>>(2, 4));
    return mf::concat<mf::tokens_axis>(a, b).dims()[1];
  }();
  static_assert(tokens == 7);
  static_assert(!mf::same_axes_in_order<mf::shape<mf::batch<2>>, mf::shape<mf::tokens<2>>>);
}

}  // namespace test_ops_concat
