#include <multifuse/ops/interpolate.hpp>

#include "../described/interpolate.hpp"

namespace test_ops_interpolate {

namespace mf = multifuse;
using dev = mf::cpu<double>;
using row = mf::tensor<dev, mf::shape<mf::tokens<>>>;

TEST_CASE("interpolation: gradients, precision, determinism") {
  check::described<described::interpolated_table_example>();
  check::described<described::cornered_table_example>();
  check::described<described::interpolated_image_example>();
  check::described<described::cornered_image_example>();
  check::described<described::cubic_image_example>();
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

TEST_CASE("a cubic curve passes through the elements and repeats the outer ones") {
  const auto cubic = [](double scale) { return mf::resampling(mf::sampling::cells, mf::curve::cubic, scale); };
  const row x = row_of({1, -2, 5, 3});
  expect_close(mf::interpolate<mf::tokens_axis>(x, 4, cubic(0)), {1, -2, 5, 3});
  // at -1/4, 1/4, 3/4 ...: the weights of distances 5/4, 1/4, 3/4, 7/4 are -27/256, 225/256, 67/256, -9/256
  const auto between = [](double a, double b, double c, double d) {
    return (-27 * a + 225 * b + 67 * c - 9 * d) / 256;
  };
  expect_close(mf::interpolate<mf::tokens_axis>(x, 8, cubic(0)),
               {between(-2, 1, 1, 1), between(1, 1, -2, 5), between(5, -2, 1, 1), between(1, -2, 5, 3),
                between(3, 5, -2, 1), between(-2, 5, 3, 3), between(3, 3, 5, -2), between(5, 3, 3, 3)});
}

TEST_CASE("a scale of its own says where elements lie") {
  const row x = row_of({0, 1, 4, 9});
  // element i lies at (i + 1/2) / scale - 1/2: 0.3, 1.9 and 3.5, which is behind the end
  expect_close(mf::interpolate<mf::tokens_axis>(x, 3, {mf::sampling::cells, mf::curve::linear, 0.625}), {0.3, 3.7, 9});
  const auto refused = [&](double scale) {
    mf::interpolate<mf::tokens_axis>(x, 3, {mf::sampling::cells, mf::curve::linear, scale});
  };
  CHECK_THROWS_AS(refused(-1), mf::argument_error);
  CHECK_THROWS_AS(refused(std::nan("")), mf::argument_error);
}

TEST_CASE("interpolation refuses an extent below one") {
  const auto refused = [](mf::isize count) { mf::interpolate<mf::tokens_axis>(row_of({1, 2}), count); };
  CHECK_THROWS_WITH_AS(refused(0), doctest::Contains("tokens axis"), mf::shape_error);
  CHECK_THROWS_AS(refused(-3), mf::shape_error);
}

}  // namespace test_ops_interpolate
