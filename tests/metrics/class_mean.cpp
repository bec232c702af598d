#include "multifuse/metrics/class_mean.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

namespace test_metrics_class_mean {

namespace mf = multifuse;

TEST_CASE("columns are measured one by one and undefined ones left out") {
  // 2 samples of 3 classes; the third has no positives
  const std::vector<float> scores{1, 2, 3, 10, 20, 30}, targets{1, 1, 0, 0, 1, 0};
  const auto sum = [](std::span<const float> s, std::span<const float>) {
    return std::accumulate(s.begin(), s.end(), 0.0);
  };
  const auto result = mf::detail::mean_over_classes("test", scores, targets, 3, sum,
                                                    [](mf::isize positives, mf::isize) { return positives > 0; });
  CHECK(result.undefined == 1);
  REQUIRE(result.per_class.size() == 3);
  CHECK(result.per_class[0] == 11);
  CHECK(result.per_class[1] == 22);
  CHECK(std::isnan(result.per_class[2]));
  CHECK(result.mean == 16.5);
}

TEST_CASE("scores are sorted with their targets, and bad ones refused") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto sorted = mf::detail::by_falling_score("test", std::vector<float>{1, 3, 2}, std::vector<float>{0, 1, 0});
  CHECK(sorted[0].score == 3);
  CHECK(sorted[0].positive);
  CHECK(sorted[2].score == 1);
  CHECK_FALSE(sorted[2].positive);
  CHECK_THROWS_AS(mf::detail::by_falling_score("test", std::vector<float>{1, 3}, std::vector<float>{0}),
                  mf::shape_error);
  CHECK_THROWS_AS(mf::detail::by_falling_score("test", std::vector<float>{nan}, std::vector<float>{0}),
                  mf::argument_error);
  for (float target : {0.5f, 2.0f, -1.0f, nan})
    CHECK_THROWS_AS(mf::detail::by_falling_score("test", std::vector<float>{1}, std::vector<float>{target}),
                    mf::argument_error);
}

}  // namespace test_metrics_class_mean
