#include "../described/slice.hpp"

namespace test_ops_slice {

namespace mf = multifuse;
using dev = mf::cpu<float>;
using mf::isize;

TEST_CASE("slice and parts: gradients, precision, determinism") { check::described<described::slice_example>(); }
TEST_CASE("flip and roll: gradients, precision, determinism") { check::described<described::cyclic_example>(); }

namespace {
using grid = mf::shape<mf::batch<2>, mf::tokens<>, mf::width<2>>;
mf::tensor<dev, grid> example() {
  const std::vector<float> values{1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16};
  return {grid(3), std::span<const float>(values)};
}
}  // namespace

TEST_CASE("slices are the elements that they say") {
  const auto x = example();
  CHECK(mf::slice<mf::tokens_axis>(x, 1, 2).to_host() == std::vector<float>{3, 4, 5, 6, 13, 14, 15, 16});
  CHECK(mf::slice<mf::batch_axis, 1, 1>(x).to_host() == std::vector<float>{11, 12, 13, 14, 15, 16});
  CHECK(mf::slice<mf::width_axis, 1, 1>(x).to_host() == std::vector<float>{2, 4, 6, 12, 14, 16});
  const auto one = mf::slice_of<mf::tokens_axis, 1>(x, 2);
  static_assert(
      std::is_same_v<decltype(one), const mf::tensor<dev, mf::shape<mf::batch<2>, mf::tokens<1>, mf::width<2>>>>);
  CHECK(one.to_host() == std::vector<float>{5, 6, 15, 16});

  const auto two = mf::parts<mf::tokens_axis, 1, 2>(x);
  CHECK(mf::get<0>(two).to_host() == std::vector<float>{1, 2, 11, 12});
  CHECK(mf::get<1>(two).dims().to_string() == "[batch 2, tokens 2, width 2]");
  CHECK(mf::get<1>(two).to_host() == std::vector<float>{3, 4, 5, 6, 13, 14, 15, 16});
}

TEST_CASE("flip and roll move elements as they say") {
  const auto x = example();
  CHECK(mf::flip<mf::tokens_axis>(x).to_host() == std::vector<float>{5, 6, 3, 4, 1, 2, 15, 16, 13, 14, 11, 12});
  CHECK(mf::roll<mf::tokens_axis>(x, 1).to_host() == std::vector<float>{5, 6, 1, 2, 3, 4, 15, 16, 11, 12, 13, 14});
  CHECK(mf::roll<mf::tokens_axis>(x, -1).to_host() == std::vector<float>{3, 4, 5, 6, 1, 2, 13, 14, 15, 16, 11, 12});
  for (isize shift : {-7, -3, 0, 3, 6}) {
    const auto expected = mf::roll<mf::tokens_axis>(x, (shift % 3 + 3) % 3).to_host();
    CHECK(mf::roll<mf::tokens_axis>(x, shift).to_host() == expected);
  }
}

TEST_CASE("slices of shapes are constant expressions") {
  constexpr auto tokens = [] {
    const mf::tensor<mf::meta, mf::shape<mf::batch<2>, mf::tokens<5>>> x;
    const auto cut = mf::parts<mf::tokens_axis>(x, 2, 3);
    return mf::get<1>(cut).dims()[1] * 10 + mf::roll<mf::tokens_axis>(mf::slice<mf::tokens_axis, 1, 4>(x), 1).dims()[1];
  }();
  static_assert(tokens == 34);
}

TEST_CASE("slices refuse what is not there") {
  const auto x = example();
  CHECK_THROWS_WITH_AS(mf::slice<mf::tokens_axis>(x, 2, 2),
                       "slice: not within the tokens axis; expected elements of 0 ... 2; got 2 from 2 on",
                       mf::shape_error);
  CHECK_THROWS_AS(mf::slice<mf::tokens_axis>(x, -1, 2), mf::shape_error);
  CHECK_THROWS_AS(mf::slice<mf::tokens_axis>(x, 0, 0), mf::shape_error);
  CHECK_THROWS_AS(mf::slice<mf::tokens_axis>(x, std::numeric_limits<isize>::max(), 1), mf::shape_error);
  CHECK_THROWS_AS((mf::slice<mf::tokens_axis, 1, 3>(x)), mf::shape_error);
  CHECK_THROWS_AS((mf::slice_of<mf::tokens_axis, 2>(x, 2)), mf::shape_error);
  CHECK_THROWS_AS(mf::parts<mf::tokens_axis>(x, 1, 1), mf::shape_error);
  CHECK_THROWS_AS(mf::parts<mf::tokens_axis>(x, 4, -1), mf::shape_error);
  CHECK_THROWS_AS((mf::parts<mf::tokens_axis, 2, 2>(x)), mf::shape_error);
  static_assert(!mf::slice_within_axis<grid, mf::width_axis, 1, 2>);
  static_assert(!mf::parts_fill_axis<grid, mf::width_axis, 1, 2>);
  static_assert(mf::parts_fill_axis<grid, mf::width_axis, 1, 1>);
}

}  // namespace test_ops_slice
