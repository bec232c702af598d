#include "../described/gather.hpp"

namespace test_ops_gather {

namespace mf = multifuse;
using dev = mf::cpu<float>;
using ints = mf::cpu<std::int32_t>;
using mf::isize;

TEST_CASE("gather: gradients, precision, determinism") { check::described<described::gather_example>(); }
TEST_CASE("scatter: gradients, precision, determinism") { check::described<described::scatter_example>(); }
TEST_CASE("embedding lookup: gradients, precision, determinism") {
  check::described<described::embedding_lookup_example>();
}

namespace {
template <class D, class S> mf::tensor<D, S> of(const S& shape, std::vector<typename D::scalar> values) {
  return {shape, std::span<const typename D::scalar>(values)};
}
}  // namespace

TEST_CASE("gather and scatter move what a loop says, and are transposes") {
  check::source draw(3);
  using S = mf::shape<mf::batch<2>, mf::rows<3>, mf::tokens<5>, mf::width<4>>;
  const auto x = draw.normal<mf::cpu<double>>(S{});
  const auto ids = draw.integers<mf::cpu<double>>(mf::shape<mf::batch<>, mf::keys<>>(2, 7), 5);
  const auto y = mf::gather<mf::tokens_axis>(x, ids);
  static_assert(
      std::is_same_v<decltype(y), const mf::tensor<mf::cpu<double>,
                                                   mf::shape<mf::batch<2>, mf::rows<3>, mf::keys<>, mf::width<4>>>>);
  const auto in = x.to_host(), out = y.to_host();
  const auto id = ids.to_host();
  bool equal = true;
  std::vector<double> added(in.size(), 0.0);
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t r = 0; r < 3; ++r)
      for (std::size_t k = 0; k < 7; ++k)
        for (std::size_t w = 0; w < 4; ++w) {
          const std::size_t from = ((b * 3 + r) * 5 + std::size_t(id[b * 7 + k])) * 4 + w,
                            to = ((b * 3 + r) * 7 + k) * 4 + w;
          equal = equal && out[to] == in[from];
          added[from] += out[to];
        }
  CHECK(equal);
  const auto back = mf::scatter<mf::tokens_axis, 5>(y, ids);
  static_assert(std::is_same_v<decltype(back), const mf::tensor<mf::cpu<double>, S>>);
  CHECK(back.to_host() == added);
}

TEST_CASE("embedding lookup keeps the axes of the ids") {
  const auto table = of<dev>(mf::shape<mf::channels<3>, mf::width<2>>(), {0, 1, 10, 11, 20, 21});
  const auto ids = of<ints>(mf::shape<mf::batch<2>, mf::tokens<>>(2), {2, 0, 1, 1});
  const auto y = mf::embedding_lookup(table, ids);
  static_assert(
      std::is_same_v<decltype(y), const mf::tensor<dev, mf::shape<mf::batch<2>, mf::tokens<>, mf::width<2>>>>);
  CHECK(y.to_host() == std::vector<float>{20, 21, 0, 1, 10, 11, 10, 11});
  constexpr auto size = mf::embedding_lookup(mf::tensor<mf::meta, mf::shape<mf::channels<3>, mf::width<2>>>(),
                                             mf::tensor<mf::meta, mf::shape<mf::batch<4>, mf::tokens<5>>>())
                            .size();
  static_assert(size == 40);
}

TEST_CASE("gather refuses ids that are not there") {
  const auto table = of<dev>(mf::shape<mf::channels<3>, mf::width<2>>(), {0, 1, 10, 11, 20, 21});
  const auto bad = of<ints>(mf::shape<mf::batch<2>, mf::tokens<>>(2), {2, 0, 3, -1});
  CHECK_THROWS_WITH_AS(mf::embedding_lookup(table, bad),
                       "embedding_lookup: id out of range at [batch 1, tokens 0]; expected 0 ... 2; got 3",
                       mf::argument_error);
  const auto x = mf::zeros<dev>(mf::shape<mf::batch<>, mf::tokens<3>>(2));
  CHECK_THROWS_WITH_AS(mf::gather<mf::tokens_axis>(x, of<ints>(mf::shape<mf::keys<2>>(), {0, -7})),
                       "gather: id out of range at [keys 1]; expected 0 ... 2; got -7", mf::argument_error);
  CHECK_THROWS_AS(mf::scatter<mf::channels_axis>(x, of<ints>(mf::shape<mf::tokens<3>>(), {0, 1, 2}), 2),
                  mf::argument_error);
  CHECK_THROWS_AS(mf::scatter<mf::channels_axis>(x, of<ints>(mf::shape<mf::tokens<>>(2), {0, 1}), 2), mf::shape_error);
  CHECK_THROWS_AS(mf::scatter<mf::channels_axis>(x, of<ints>(mf::shape<mf::tokens<3>>(), {0, 1, 1}), 0),
                  mf::shape_error);
  CHECK_THROWS_AS(mf::gather<mf::tokens_axis>(x, of<ints>(mf::shape<mf::batch<>, mf::keys<>>(1, 2), {0, 1})),
                  mf::shape_error);
  static_assert(
      !mf::ids_for_axis<mf::shape<mf::tokens<>, mf::keys<>>, mf::shape<mf::batch<>, mf::tokens<3>>, mf::tokens_axis>);
  static_assert(!mf::ids_for_axis<mf::shape<mf::keys<>>, mf::shape<mf::batch<>, mf::tokens<3>>, mf::rows_axis>);
}

}  // namespace test_ops_gather
