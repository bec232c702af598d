#include "multifuse/metrics/average_precision.hpp"

#include <doctest/doctest.h>

#include <random>
#include <set>
#include <vector>

namespace test_metrics_average_precision {

namespace mf = multifuse;
using values = std::vector<float>;

namespace {
// One threshold after another, counting everything anew at each.
double by_definition(const values& scores, const values& targets) {
  const std::set<float, std::greater<>> thresholds(scores.begin(), scores.end());
  double all = 0, recall = 0, sum = 0;
  for (float target : targets) all += target;
  for (float threshold : thresholds) {
    double above = 0, right = 0;
    for (std::size_t i = 0; i < scores.size(); ++i)
      if (scores[i] >= threshold) ++above, right += targets[i];
    sum += (right / all - recall) * right / above;
    recall = right / all;
  }
  return sum;
}
}  // namespace

TEST_CASE("average precision of hand-computed cases") {
  CHECK(mf::average_precision(values{0.1f, 0.4f, 0.35f, 0.8f}, values{0, 0, 1, 1}) == doctest::Approx(5.0 / 6));
  CHECK(mf::average_precision(values{4, 3, 2, 1}, values{1, 1, 0, 0}) == 1);
  CHECK(mf::average_precision(values{4, 3, 2, 1}, values{0, 0, 0, 1}) == 0.25);
  CHECK(mf::average_precision(values(4, 1.0f), values{1, 0, 0, 0}) == 0.25);  // one threshold: the share of positives
  CHECK(mf::average_precision(values{5, 5, 5, 2}, values{1, 0, 1, 0}) == doctest::Approx(2.0 / 3));
  CHECK(mf::average_precision(values{5}, values{1}) == 1);
}

TEST_CASE("average precision agrees with its definition under many ties, in any order") {
  std::mt19937 random(2);
  for (int trial = 0; trial < 200; ++trial) {
    const std::size_t size = 1 + random() % 60, levels = 1 + random() % 12;
    values scores(size), targets(size);
    for (float& score : scores) score = static_cast<float>(random() % levels) - 3;
    for (float& target : targets) target = static_cast<float>(random() % 3 == 0);
    targets[random() % size] = 1;
    CHECK(mf::average_precision(scores, targets) == doctest::Approx(by_definition(scores, targets)).epsilon(1e-12));
  }
}

TEST_CASE("classes without positives are reported and left out of the mean") {
  const values scores{1, 2, 3, 2, 1, 4}, targets{1, 0, 0, 0, 0, 1};  // 2 samples, 3 classes
  const auto result = mf::mean_average_precision(scores, targets, 3);
  CHECK(result.undefined == 1);
  CHECK(result.per_class[0] == 0.5);
  CHECK(std::isnan(result.per_class[1]));
  CHECK(result.per_class[2] == 1);
  CHECK(result.mean == 0.75);
}

TEST_CASE("average precision refuses bad input") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(mf::average_precision({}, {}), mf::argument_error);
  CHECK_THROWS_AS(mf::average_precision(values{1, 2}, values{0, 0}), mf::argument_error);
  CHECK_THROWS_AS(mf::average_precision(values{1, 2}, values{1}), mf::shape_error);
  CHECK_THROWS_AS(mf::average_precision(values{1, nan}, values{1, 0}), mf::argument_error);
  CHECK_THROWS_AS(mf::average_precision(values{1, 2}, values{1, 0.5f}), mf::argument_error);
  CHECK_THROWS_AS(mf::mean_average_precision(values{1, 2}, values{0, 0}, 2), mf::argument_error);
  CHECK_THROWS_AS(mf::mean_average_precision(values{1, 2}, values{1, 0}, 3), mf::shape_error);
  CHECK_THROWS_AS(mf::mean_average_precision(values{1, 2}, values{1}, 2), mf::shape_error);
  CHECK_THROWS_AS(mf::mean_average_precision({}, {}, 2), mf::shape_error);
  CHECK_THROWS_AS(mf::mean_average_precision(values{1, nan}, values{1, 0}, 2), mf::argument_error);
}

}  // namespace test_metrics_average_precision
