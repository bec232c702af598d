#include <multifuse/ops/interpolate.hpp>

#include "../described/interpolate.hpp"

namespace mf = multifuse;
using dev = mf::cpu<double>;
using row = mf::tensor<dev, mf::shape<mf::tokens<>>>;

TEST_CASE("interpolation: gradients, precision, determinism") {
  check::described<described::interpolated_table_example>();
  check::described<described::cornered_table_example>();
  check::described<described::interpolated_image_example>();
  check::described<described::cornered_image_example>();
}

namespace {
void expect_close(const auto& x, const std::vector<double>& expected) {
  const auto found = x.to_host();
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-12));
}
row row_of(const std::vector<double>& values) { return {row::shape_type(mf::isize(values.size())), values}; }
}  // namespace

TEST_CASE("interpolation gives the values that follow from either convention") {
  const row x = row_of({0, 1, 4});
  expect_close(mf::interpolate<mf::tokens_axis>(x, 6), {0, 0.25, 0.75, 1.75, 3.25, 4});
  expect_close(mf::interpolate<mf::tokens_axis>(x, 5, mf::sampling::corners), {0, 0.5, 1, 2.5, 4});
  expect_close(mf::interpolate<mf::tokens_axis>(x, 2), {0.25, 3.25});
  expect_close(mf::interpolate<mf::tokens_axis>(x, 2, mf::sampling::corners), {0, 4});
  expect_close(mf::interpolate<mf::tokens_axis>(x, 1), {1});
  expect_close(mf::interpolate<mf::tokens_axis>(x, 1, mf::sampling::corners), {0});
  for (const auto where : {mf::sampling::cells, mf::sampling::corners}) {
    expect_close(mf::interpolate<mf::tokens_axis>(x, 3, where), {0, 1, 4});  // the same extent changes nothing
    expect_close(mf::interpolate<mf::tokens_axis>(row_of({7}), 4, where), {7, 7, 7, 7});
  }
}

TEST_CASE("interpolation along an axis in the middle leaves the others alone") {
  const std::vector<double> values{0, 10, 2, 30, 4, 50, 6, 70};
  const mf::tensor<dev, mf::shape<mf::batch<2>, mf::tokens<2>, mf::width<2>>> x({}, values);
  const auto y = mf::interpolate<mf::tokens_axis, 3>(x, mf::sampling::corners);
  static_assert(
      std::is_same_v<decltype(y), const mf::tensor<dev, mf::shape<mf::batch<2>, mf::tokens<3>, mf::width<2>>>>);
  expect_close(y, {0, 10, 1, 20, 2, 30, 4, 50, 5, 60, 6, 70});
}

TEST_CASE("interpolation refuses an extent below one") {
  const auto refused = [](mf::isize count) { mf::interpolate<mf::tokens_axis>(row_of({1, 2}), count); };
  CHECK_THROWS_WITH_AS(refused(0), doctest::Contains("tokens axis"), mf::shape_error);
  CHECK_THROWS_AS(refused(-3), mf::shape_error);
}
