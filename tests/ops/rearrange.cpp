#include "../described/rearrange.hpp"

namespace test_ops_rearrange {

namespace mf = multifuse;
using dev = mf::cpu<float>;
using mf::isize;

namespace {

template <class D = dev, class S> mf::tensor<D, S> counted(const S& shape) {
  std::vector<typename D::scalar> values(std::size_t(shape.size()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = typename D::scalar(i);
  return {shape, std::span<const typename D::scalar>(values)};
}

template <class X, class S>
constexpr bool has_shape = std::is_same_v<std::remove_cvref_t<decltype(std::declval<X>().dims())>, S>;

}  // namespace

TEST_CASE("rearrangements: gradients, precision, determinism") { check::described<described::rearrange_example>(); }

TEST_CASE("merge, split and rename share the elements and keep static extents") {
  const auto x = counted(mf::shape<mf::batch<>, mf::rows<4>, mf::columns<6>, mf::channels<2>>(3));
  const auto tokens = mf::merge<mf::tokens_axis, mf::rows_axis, mf::columns_axis>(x);
  static_assert(has_shape<decltype(tokens), mf::shape<mf::batch<>, mf::tokens<24>, mf::channels<2>>>);
  CHECK(tokens.data() == x.data());
  CHECK(tokens.dims()[1] == 24);

  const auto back = mf::split<mf::tokens_axis, mf::rows<>, mf::columns<6>>(tokens);
  static_assert(has_shape<decltype(back), mf::shape<mf::batch<>, mf::rows<4>, mf::columns<6>, mf::channels<2>>>);
  CHECK(back.data() == x.data());

  const auto cut = mf::split<mf::batch_axis, mf::batch<>, mf::frames<>>(x, 1);
  static_assert(
      has_shape<decltype(cut), mf::shape<mf::batch<>, mf::frames<>, mf::rows<4>, mf::columns<6>, mf::channels<2>>>);
  CHECK(cut.dims()[0] == 1);
  CHECK(cut.dims()[1] == 3);
  CHECK(mf::split<mf::batch_axis, mf::batch<>, mf::frames<>>(x, 3, 1).dims()[0] == 3);

  const auto all = mf::merge<mf::tokens_axis, mf::batch_axis, mf::rows_axis>(x);
  static_assert(has_shape<decltype(all), mf::shape<mf::tokens<>, mf::columns<6>, mf::channels<2>>>);
  const auto renamed = mf::rename<mf::channels_axis, mf::width_axis>(x);
  static_assert(has_shape<decltype(renamed), mf::shape<mf::batch<>, mf::rows<4>, mf::columns<6>, mf::width<2>>>);

  mf::tape tape;
  const auto v = mf::watch(tape, x);
  const auto seen = mf::rename<mf::rows_axis, mf::tokens_axis>(v);
  CHECK(seen.value().data() == x.data());
  mf::backward(seen, mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<4>, mf::columns<6>, mf::channels<2>>>(
                         seen.dims(), std::span<const float>(x.to_host())));
  CHECK(v.gradient().to_host() == x.to_host());
}

TEST_CASE("the gradient of several views of one variable is the sum") {
  mf::tape tape;
  const auto v = mf::watch(tape, counted(mf::shape<mf::tokens<6>>()));
  const auto grid = mf::split<mf::tokens_axis, mf::rows<2>, mf::columns<>>(v);
  const auto first = mf::merge<mf::tokens_axis, mf::rows_axis, mf::columns_axis>(grid);
  const auto second = mf::rename<mf::tokens_axis, mf::keys_axis>(v);
  const auto y = mf::evaluate(first * mf::rename<mf::keys_axis, mf::tokens_axis>(second));
  mf::backward(y, counted(y.dims()).fill(1));
  CHECK(v.gradient().to_host() == std::vector<float>{0, 2, 4, 6, 8, 10});
}

TEST_CASE("permute moves elements where a loop says") {
  const auto x = counted(mf::shape<mf::batch<>, mf::heads<3>, mf::tokens<>, mf::width<5>>(2, 4));
  const auto y = mf::permute<mf::tokens_axis, mf::batch_axis, mf::width_axis, mf::heads_axis>(x);
  static_assert(has_shape<decltype(y), mf::shape<mf::tokens<>, mf::batch<>, mf::width<5>, mf::heads<3>>>);
  const auto in = x.to_host(), out = y.to_host();
  bool equal = true;
  for (isize b = 0; b < 2; ++b)
    for (isize h = 0; h < 3; ++h)
      for (isize t = 0; t < 4; ++t)
        for (isize w = 0; w < 5; ++w)
          equal = equal &&
                  in[std::size_t(((b * 3 + h) * 4 + t) * 5 + w)] == out[std::size_t(((t * 2 + b) * 5 + w) * 3 + h)];
  CHECK(equal);
  const auto back = mf::permute<mf::batch_axis, mf::heads_axis, mf::tokens_axis, mf::width_axis>(y);
  CHECK(back.to_host() == in);
}

TEST_CASE("rearrangements of shapes are constant expressions and cost nothing but a copy") {
  constexpr auto bytes = [] {
    mf::operation_count count;
    const mf::tensor<mf::meta, mf::shape<mf::batch<2>, mf::rows<4>, mf::columns<6>>> x({}, &count);
    const auto y =
        mf::permute<mf::tokens_axis, mf::batch_axis>(mf::merge<mf::tokens_axis, mf::rows_axis, mf::columns_axis>(x));
    return y.dims()[0] == 24 && count.forward_flops == 0 ? count.activation_bytes : -1.0;
  }();
  static_assert(bytes == 2 * 24 * 4.0);
}

TEST_CASE("rearrangements refuse what does not fit") {
  const auto x = counted(mf::shape<mf::batch<>, mf::tokens<>, mf::width<2>>(3, 10));
  CHECK_THROWS_WITH_AS((mf::split<mf::tokens_axis, mf::rows<4>, mf::columns<>>(x)),
                       "split: the new axes do not multiply to the tokens axis; expected 10; got 8", mf::shape_error);
  CHECK_THROWS_AS((mf::split<mf::tokens_axis, mf::rows<>, mf::columns<>>(x, 3)), mf::shape_error);
  CHECK_THROWS_AS((mf::split<mf::tokens_axis, mf::rows<>, mf::columns<>>(x, 0)), mf::shape_error);
  CHECK_THROWS_AS((mf::split<mf::tokens_axis, mf::rows<>, mf::columns<>>(x, -2, -5)), mf::shape_error);
  CHECK_THROWS_AS((mf::split<mf::tokens_axis, mf::rows<2>, mf::columns<4>>(x)), mf::shape_error);
  static_assert(
      !mf::neighboring_axes<mf::shape<mf::batch<>, mf::tokens<>, mf::width<2>>, mf::batch_axis, mf::width_axis>);
  static_assert(!mf::neighboring_axes<mf::shape<mf::batch<>, mf::tokens<>>, mf::tokens_axis, mf::batch_axis>);
  static_assert(!mf::neighboring_axes<mf::shape<mf::batch<>, mf::tokens<>>, mf::tokens_axis, mf::width_axis>);
  static_assert(!mf::permutation_of_axes<mf::shape<mf::batch<>, mf::tokens<>>, mf::tokens_axis, mf::tokens_axis>);
  static_assert(!mf::permutation_of_axes<mf::shape<mf::batch<>, mf::tokens<>>, mf::tokens_axis>);
}

}  // namespace test_ops_rearrange
