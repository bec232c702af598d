#include "multifuse/metrics/auc.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

namespace test_metrics_auc {

namespace mf = multifuse;
using values = std::vector<float>;

TEST_CASE("area under the ROC curve of hand-computed cases") {
  CHECK(mf::roc_auc(values{0.1f, 0.4f, 0.35f, 0.8f}, values{0, 0, 1, 1}) == 0.75);
  CHECK(mf::roc_auc(values{1, 2}, values{0, 1}) == 1);
  CHECK(mf::roc_auc(values{1, 2}, values{1, 0}) == 0);
  CHECK(mf::roc_auc(values(5, 3.0f), values{1, 0, 0, 1, 1}) == 0.5);
}

TEST_CASE("area under the ROC curve counts pairs, a tie as one half") {
  std::mt19937 random(3);
  for (int trial = 0; trial < 200; ++trial) {
    const std::size_t size = 2 + random() % 60, levels = 1 + random() % 12;
    values scores(size), targets(size);
    for (float& score : scores) score = static_cast<float>(random() % levels);
    for (float& target : targets) target = static_cast<float>(random() % 2);
    targets[0] = 0;
    targets[1] = 1;
    double won = 0, pairs = 0;
    for (std::size_t p = 0; p < size; ++p)
      for (std::size_t n = 0; n < size; ++n)
        if (targets[p] == 1 && targets[n] == 0) {
          ++pairs;
          won += scores[p] > scores[n] ? 1 : scores[p] == scores[n] ? 0.5 : 0;
        }
    CHECK(mf::roc_auc(scores, targets) == doctest::Approx(won / pairs).epsilon(1e-12));
  }
}

TEST_CASE("classes without positives or negatives are reported and left out of the mean") {
  const values scores{1, 2, 3, 2, 1, 4}, targets{1, 0, 1, 0, 0, 1};  // 2 samples, 3 classes
  const auto result = mf::mean_roc_auc(scores, targets, 3);
  CHECK(result.undefined == 2);
  CHECK(result.per_class[0] == 0);
  CHECK(std::isnan(result.per_class[1]));
  CHECK(std::isnan(result.per_class[2]));
  CHECK(result.mean == 0);
}

TEST_CASE("d-prime inverts the normal distribution") {
  CHECK(mf::d_prime(0.5) == doctest::Approx(0).epsilon(1e-12));
  CHECK(mf::d_prime(0.75) == doctest::Approx(0.9538725524).epsilon(1e-9));   // sqrt(2) x 0.6744897502
  CHECK(mf::d_prime(0.975) == doctest::Approx(2.7718076486).epsilon(1e-9));  // sqrt(2) x 1.9599639845
  CHECK(mf::d_prime(0.025) == doctest::Approx(-2.7718076486).epsilon(1e-9));
  for (double distance : {0.001, 0.3, 1.0, 2.5, 5.0, 9.0})
    CHECK(mf::d_prime(std::erfc(distance / 2) / 2) == doctest::Approx(-distance).epsilon(1e-10));
  CHECK(mf::d_prime(1) == std::numeric_limits<double>::infinity());
  CHECK(mf::d_prime(0) == -std::numeric_limits<double>::infinity());
}

TEST_CASE("areas refuse bad input") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(mf::roc_auc({}, {}), mf::argument_error);
  CHECK_THROWS_AS(mf::roc_auc(values{1, 2}, values{1, 1}), mf::argument_error);
  CHECK_THROWS_AS(mf::roc_auc(values{1, 2}, values{0, 0}), mf::argument_error);
  CHECK_THROWS_AS(mf::roc_auc(values{1, 2}, values{0}), mf::shape_error);
  CHECK_THROWS_AS(mf::roc_auc(values{1, nan}, values{0, 1}), mf::argument_error);
  CHECK_THROWS_AS(mf::roc_auc(values{1, 2}, values{0, 3}), mf::argument_error);
  CHECK_THROWS_AS(mf::mean_roc_auc(values{1, 2}, values{1, 1}, 2), mf::argument_error);
  CHECK_THROWS_AS(mf::mean_roc_auc(values{1, 2, 3}, values{1, 1, 0}, 2), mf::shape_error);
  for (double area : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(mf::d_prime(area), mf::argument_error);
}

}  // namespace test_metrics_auc
