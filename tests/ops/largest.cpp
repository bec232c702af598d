#include <multifuse/ops/largest.hpp>

#include <algorithm>
#include <numeric>

#include "../described/selection.hpp"

namespace test_ops_largest {

namespace mf = multifuse;
using D = mf::cpu<double>;
using mf::isize;

TEST_CASE("largest values: gradients, precision, determinism") { check::described<described::largest_values_example>(); }

namespace {
template <class S> mf::tensor<D, S> of(const S& shape, std::vector<double> values) {
  return {shape, std::span<const double>(values)};
}
using row = mf::shape<mf::batch<1>, mf::tokens<6>>;
}  // namespace

TEST_CASE("largest values and places agree with sorting") {
  check::source draw(4);
  const auto x = draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<3>>(2, 9));
  const auto y = mf::largest_values<mf::tokens_axis, 4>(x);
  static_assert(std::is_same_v<decltype(y)::shape_type, mf::shape<mf::batch<>, mf::tokens<4>, mf::width<3>>>);
  for (isize item = 0; item < 2; ++item)
    for (isize c = 0; c < 3; ++c) {
      std::vector<double> column;
      for (isize i = 0; i < 9; ++i) column.push_back(x.data()[(item * 9 + i) * 3 + c]);
      std::sort(column.rbegin(), column.rend());
      for (isize k = 0; k < 4; ++k) CHECK(y.data()[(item * 4 + k) * 3 + c] == column[std::size_t(k)]);
    }
  const auto scores = draw.normal<D>(mf::shape<mf::batch<3>, mf::tokens<40>>());
  const auto places = mf::largest_places<5>(scores);
  static_assert(std::is_same_v<decltype(places)::shape_type, mf::shape<mf::batch<3>, mf::tokens<5>>>);
  for (isize item = 0; item < 3; ++item) {
    std::vector<std::int32_t> order(40);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](auto a, auto b) {
      return scores.data()[item * 40 + a] > scores.data()[item * 40 + b];
    });
    for (isize k = 0; k < 5; ++k) CHECK(places.data()[item * 5 + k] == order[std::size_t(k)]);
  }
}

TEST_CASE("equal elements keep their order, infinities are numbers, NaN comes last") {
  const double nan = std::nan(""), infinite = HUGE_VAL;
  CHECK(mf::largest_places<6>(of(row{}, {1, 2, 1, 2, 2, 0})).to_host() == std::vector<std::int32_t>{1, 3, 4, 0, 2, 5});
  CHECK(mf::largest_places<4>(of(row{}, {-infinite, nan, 3, nan, infinite, -infinite})).to_host() ==
        std::vector<std::int32_t>{4, 2, 0, 5});
  CHECK(mf::largest_places<6>(of(row{}, {nan, 1, nan, nan, 2, nan})).to_host() ==
        std::vector<std::int32_t>{4, 1, 0, 2, 3, 5});
  CHECK(mf::largest_places<2>(of(row{}, {nan, nan, nan, nan, nan, nan})).to_host() == std::vector<std::int32_t>{0, 1});
}

TEST_CASE("more elements than there are, are refused; shapes alone are counted") {
  static_assert(!mf::count_within_axis<row, mf::tokens_axis, 7>);
  static_assert(!mf::count_within_axis<row, mf::width_axis, 1>);
  const auto x = mf::zeros<D>(mf::shape<mf::batch<>, mf::tokens<>>(1, 2));
  CHECK_THROWS_WITH_AS(mf::largest_places<3>(x),
                       "largest_places: too few elements on the tokens axis; expected at least 3; got 2",
                       mf::shape_error);
  CHECK_THROWS_AS((mf::largest_values<mf::tokens_axis, 3>(x)), mf::shape_error);
  constexpr auto count = [] {
    mf::operation_count total;
    const mf::tensor<mf::meta, row> scores({}, &total);
    static_cast<void>(mf::largest_places<2>(scores).size());
    return total.forward_flops;
  }();
  static_assert(count == 12);
}

}  // namespace test_ops_largest
