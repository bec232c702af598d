#include "multifuse/modalities/augment.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>
#include <vector>

namespace test_modalities_augment {

namespace mf = multifuse;

namespace {
std::vector<float> counting(std::size_t size) {
  std::vector<float> values(size);
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}
}  // namespace

TEST_CASE("masks cover what they name and nothing else") {
  auto values = counting(6);  // 3 frames of 2 bins
  mf::mask_frames(values, 2, 1, 1, -1);
  CHECK(values == std::vector<float>{1, 2, -1, -1, 5, 6});
  mf::mask_bins(values, 2, 1, 1);
  CHECK(values == std::vector<float>{1, 0, -1, 0, 5, 0});
  mf::mask_frames(values, 2, 3, 0);
  mf::mask_bins(values, 2, 0, 0);
  CHECK(values == std::vector<float>{1, 0, -1, 0, 5, 0});
  mf::mask_frames(values, 2, 0, 3, 9);
  CHECK(values == std::vector<float>(6, 9.0f));
}

TEST_CASE("rolling moves frames forward and around") {
  auto values = counting(6);
  mf::roll_frames(values, 2, 1);
  CHECK(values == std::vector<float>{5, 6, 1, 2, 3, 4});
  mf::roll_frames(values, 2, -1);
  CHECK(values == counting(6));
  mf::roll_frames(values, 2, -7);
  CHECK(values == std::vector<float>{3, 4, 5, 6, 1, 2});
  mf::roll_frames(values, 2, 7 + 3'000'000);
  CHECK(values == counting(6));
  std::vector<float> none;
  mf::roll_frames(none, 2, 5);
}

TEST_CASE("spec_augment places masks by its draws") {
  auto values = counting(4 * 5);                     // 4 frames of 5 bins
  std::vector<double> draws{0.99, 0.6, 0.5, 0.999};  // widths 2 and 1, starts 2 and 3
  std::size_t used = 0;
  mf::spec_augment(values, 5, {.widest_bin_mask = 2, .widest_frame_mask = 2, .fill = -1},
                   [&] { return draws.at(used++); });
  CHECK(used == 4);
  auto expected = counting(4 * 5);
  for (std::size_t f = 0; f < 4; ++f)
    for (std::size_t b = 0; b < 5; ++b)
      if (b == 2 || b == 3 || f == 3) expected[5 * f + b] = -1;
  CHECK(values == expected);
}

TEST_CASE("spec_augment reaches every width and start evenly") {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> uniform;
  std::vector<int> widths(4);
  std::set<int> starts_of_two;
  for (int trial = 0; trial < 4000; ++trial) {
    std::vector<float> values(6, 1.0f);
    mf::spec_augment(values, 6, {.widest_bin_mask = 3, .frame_masks = 0}, [&] { return uniform(random); });
    const auto width = static_cast<std::size_t>(std::count(values.begin(), values.end(), 0.0f));
    REQUIRE(width <= 3);
    ++widths[width];
    const auto first = std::find(values.begin(), values.end(), 0.0f);
    if (width == 2) starts_of_two.insert(static_cast<int>(first - values.begin()));
  }
  for (int count : widths) CHECK(std::abs(count - 1000) < 140);  // five standard deviations
  CHECK(starts_of_two == std::set<int>{0, 1, 2, 3, 4});
}

TEST_CASE("augmentations refuse bad extents, masks and draws, and leave the values alone") {
  auto values = counting(6);
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(mf::mask_frames(values, 0, 0, 1), mf::shape_error);
  CHECK_THROWS_AS(mf::mask_frames(values, 4, 0, 1), mf::shape_error);
  CHECK_THROWS_AS(mf::roll_frames(values, -2, 1), mf::shape_error);
  CHECK_THROWS_AS(mf::mask_frames(values, 2, 2, 2), mf::argument_error);
  CHECK_THROWS_AS(mf::mask_frames(values, 2, -1, 1), mf::argument_error);
  CHECK_THROWS_AS(mf::mask_bins(values, 2, 1, -1), mf::argument_error);
  CHECK_THROWS_AS(mf::mask_bins(values, 2, 3, 0), mf::argument_error);
  CHECK_THROWS_AS(mf::spec_augment(values, 2, {.bin_masks = -1}, [] { return 0.5; }), mf::argument_error);
  for (double u : {-0.1, 1.0, nan})
    CHECK_THROWS_AS(mf::spec_augment(values, 2, {}, [u] { return u; }), mf::argument_error);
  CHECK(values == counting(6));
}

}  // namespace test_modalities_augment
