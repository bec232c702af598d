#include <multifuse/modalities/clip_augment.hpp>

#include <doctest/doctest.h>

#include <multifuse/core/random.hpp>
#include <numeric>

namespace test_modalities_clip_augment {

namespace mf = multifuse;

namespace {
mf::clip gradient(mf::isize frames, mf::isize rows, mf::isize columns, mf::isize channels) {
  mf::clip x{frames, rows, columns, channels, {}};
  for (mf::isize i = 0; i < x.size(); ++i) x.pixels.push_back(float(i % 97) / 97);
  return x;
}
struct draws {
  mf::random_key key;
  mf::isize next = 0;
  double operator()() { return mf::uniform(key, next++); }
};
double mean_of(const mf::clip& x) { return std::accumulate(x.pixels.begin(), x.pixels.end(), 0.0) / double(x.size()); }
void expect_close(const std::vector<float>& x, const std::vector<double>& expected) {
  REQUIRE(x.size() == expected.size());
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(double(x[i]) == doctest::Approx(expected[i]).epsilon(1e-5));
}
}  // namespace

TEST_CASE("a window at another size is interpolated between pixels") {
  const mf::clip x{2, 1, 4, 1, {0, 1, 2, 3, 10, 11, 12, 13}};
  CHECK(mf::crop_and_resize(x, {0, 0, 1, 4}, 1, 4).pixels == x.pixels);
  expect_close(mf::crop_and_resize(x, {0, 1, 1, 2}, 1, 2).pixels, {1, 2, 11, 12});
  expect_close(mf::crop_and_resize(x, {0, 0, 1, 4}, 1, 2).pixels, {0.5, 2.5, 10.5, 12.5});
  expect_close(mf::crop_and_resize(x, {0, 0, 1, 2}, 1, 4).pixels, {0, 0.25, 0.75, 1.25, 10, 10.25, 10.75, 11.25});
  CHECK_THROWS_AS(mf::crop_and_resize(x, {0, 0, 0, 2}, 1, 4), mf::argument_error);
  CHECK_THROWS_AS(mf::crop_and_resize({2, 1, 4, 1, {0, 1}}, {}, 1, 4), mf::shape_error);
}

TEST_CASE("mirrors exchange left and right and keep channels") {
  mf::clip x{1, 2, 3, 2, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}};
  mf::mirror(x);
  CHECK(x.pixels == std::vector<float>{4, 5, 2, 3, 0, 1, 10, 11, 8, 9, 6, 7});
}

TEST_CASE("a blur keeps constant clips and spreads a point as a Gaussian") {
  mf::clip flat{1, 5, 5, 1, std::vector<float>(25, 0.3f)};
  mf::blur(flat, 1.5);
  for (const float v : flat.pixels) CHECK(v == doctest::Approx(0.3));
  mf::clip point{1, 21, 21, 1, std::vector<float>(441, 0.0f)};
  point.pixels[10 * 21 + 10] = 1;
  mf::blur(point, 2);
  CHECK(mean_of(point) * 441 == doctest::Approx(1));
  CHECK(point.pixels[10 * 21 + 12] / point.pixels[10 * 21 + 10] == doctest::Approx(std::exp(-0.5)));
  CHECK(point.pixels[12 * 21 + 10] == doctest::Approx(point.pixels[10 * 21 + 12]));
  CHECK_THROWS_AS(mf::blur(point, 0), mf::argument_error);
}

TEST_CASE("colors change as asked") {
  const mf::clip red{1, 1, 1, 3, {0.8f, 0.2f, 0.2f}};
  mf::clip x = red;
  mf::adjust_colors(x, 0.5, 1, 1, 0);
  expect_close(x.pixels, {0.4, 0.1, 0.1});
  x = red;
  mf::adjust_colors(x, 1, 1, 1, 1.0 / 3);  // a third of a turn: green
  expect_close(x.pixels, {0.2, 0.8, 0.2});
  x = red;
  mf::adjust_colors(x, 1, 1, 1, 1.0 / 6);  // yellow
  expect_close(x.pixels, {0.8, 0.8, 0.2});
  x = red;
  mf::adjust_colors(x, 1, 1, 0, 0);
  expect_close(x.pixels, {0.3794, 0.3794, 0.3794});
  mf::clip gray{1, 1, 2, 1, {0.2f, 0.6f}};
  mf::adjust_colors(gray, 1, 0.5, 3, 0.4);
  expect_close(gray.pixels, {0.3, 0.5});
}

TEST_CASE("views have the size asked for, follow from the draws, and differ from one another") {
  const mf::clip x = gradient(6, 8, 10, 3);
  const mf::random_view_options options{.frames = 4, .rows = 5, .columns = 7, .gray = 0.2, .blurred = 0.5};
  const auto view = [&](std::uint64_t seed) { return mf::random_view(x, options, draws{{seed, 1}}); };
  const mf::clip y = view(1);
  CHECK(y.frames == 4);
  CHECK(y.rows == 5);
  CHECK(y.columns == 7);
  CHECK(y.pixels == view(1).pixels);
  CHECK(y.pixels != view(2).pixels);
  for (const float v : y.pixels) CHECK((v >= 0 && v <= 1));
  const mf::random_view_options nothing{
      .rows = 8, .columns = 10, .least_area = 1, .most_aspect = 1, .flipped = 0, .jitter = {}};
  expect_close(mf::random_view(x, nothing, draws{{1, 1}}).pixels, {x.pixels.begin(), x.pixels.end()});
}

TEST_CASE("views that cannot be made are refused") {
  const mf::clip x = gradient(2, 4, 4, 1);
  CHECK_THROWS_AS(mf::random_view(x, {.frames = 3}, draws{{1, 1}}), mf::argument_error);
  CHECK_THROWS_AS(mf::random_view(x, {.least_area = 0}, draws{{1, 1}}), mf::argument_error);
  CHECK_THROWS_AS(mf::random_view(x, {.most_area = 1.5}, draws{{1, 1}}), mf::argument_error);
  CHECK_THROWS_AS(mf::random_view(x, {}, [] { return 1.0; }), mf::argument_error);
}

}  // namespace test_modalities_clip_augment
