#include "multifuse/metrics/accuracy.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <random>
#include <vector>

namespace test_metrics_accuracy {

namespace mf = multifuse;
using scores = std::vector<float>;
using labels = std::vector<mf::isize>;

TEST_CASE("top-k accuracy of hand-counted cases") {
  const scores s{0.1f, 0.7f, 0.2f,   // highest 1, then 2
                 0.5f, 0.3f, 0.2f};  // highest 0, then 1
  CHECK(mf::top_k_accuracy(s, labels{1, 0}, 3) == 1);
  CHECK(mf::top_k_accuracy(s, labels{2, 0}, 3) == 0.5);
  CHECK(mf::top_k_accuracy(s, labels{2, 1}, 3, 2) == 1);
  CHECK(mf::top_k_accuracy(s, labels{0, 2}, 3, 2) == 0);
  CHECK(mf::top_k_accuracy(s, labels{0, 2}, 3, 3) == 1);
  const float infinite = std::numeric_limits<float>::infinity();
  CHECK(mf::top_k_accuracy(scores{-infinite, 0, infinite}, labels{2}, 3) == 1);
}

TEST_CASE("equal scores earn chance, wherever the label stands") {
  for (mf::isize label = 0; label < 4; ++label)
    for (mf::isize k = 1; k <= 4; ++k)
      CHECK(mf::top_k_accuracy(scores(4, 0.3f), labels{label}, 4, k) == doctest::Approx(static_cast<double>(k) / 4));
}

TEST_CASE("ties count as the mean over every way of breaking them") {
  std::mt19937 random(1);
  const std::size_t samples = 40, classes = 5;
  scores s(samples * classes);
  labels truth(samples);
  for (float& score : s) score = static_cast<float>(random() % 3);
  for (mf::isize& label : truth) label = static_cast<mf::isize>(random() % classes);
  for (std::size_t k = 1; k <= classes; ++k) {
    std::vector<std::size_t> priority(classes);
    std::iota(priority.begin(), priority.end(), std::size_t{0});
    double kept = 0, ways = 0;
    do {
      ++ways;
      for (std::size_t i = 0; i < samples; ++i) {
        std::vector<std::size_t> order(classes);
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
          const float x = s[i * classes + a], y = s[i * classes + b];
          return x > y || (x == y && priority[a] < priority[b]);
        });
        for (std::size_t place = 0; place < k; ++place) kept += static_cast<mf::isize>(order[place]) == truth[i];
      }
    } while (std::next_permutation(priority.begin(), priority.end()));
    CHECK(mf::top_k_accuracy(s, truth, classes, static_cast<mf::isize>(k)) ==
          doctest::Approx(kept / ways / static_cast<double>(samples)));
  }
}

TEST_CASE("top-k accuracy refuses bad input") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(mf::top_k_accuracy({}, {}, 3), mf::shape_error);
  CHECK_THROWS_AS(mf::top_k_accuracy(scores(4), labels(1), 3), mf::shape_error);
  CHECK_THROWS_AS(mf::top_k_accuracy(scores(3), labels(2), 3), mf::shape_error);
  CHECK_THROWS_AS(mf::top_k_accuracy(scores(3), labels(1), 0), mf::shape_error);
  CHECK_THROWS_AS(mf::top_k_accuracy(scores{1, nan, 2}, labels{0}, 3), mf::argument_error);
  CHECK_THROWS_AS(mf::top_k_accuracy(scores(3), labels{3}, 3), mf::argument_error);
  CHECK_THROWS_AS(mf::top_k_accuracy(scores(3), labels{-1}, 3), mf::argument_error);
  CHECK_THROWS_AS(mf::top_k_accuracy(scores(3), labels{0}, 3, 0), mf::argument_error);
  CHECK_THROWS_AS(mf::top_k_accuracy(scores(3), labels{0}, 3, 4), mf::argument_error);
}

}  // namespace test_metrics_accuracy
