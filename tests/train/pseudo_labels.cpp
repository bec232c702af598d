#include <multifuse/train/pseudo_labels.hpp>

#include <doctest/doctest.h>

namespace test_train_pseudo_labels {

namespace mf = multifuse;
using mf::isize;

TEST_CASE("rounds alternate: features are clustered anew, kind by kind, from new seeds") {
  std::vector<isize> order;
  const auto run = [&](std::uint64_t seed) {
    std::vector<std::vector<float>> centroids;
    mf::train_on_pseudo_labels(
        {.rounds = 3, .iterations = 0, .seed = seed},
        [&](isize round) {
          order.push_back(round);
          std::vector<float> features;
          for (isize i = 0; i < 40; ++i) features.push_back(float(mf::uniform({9, 9}, i)));
          return std::array<mf::features_to_cluster, 2>{{{features, 1, 4}, {features, 2, 3}}};
        },
        [&](isize round, const auto& found) {
          order.push_back(100 + round);
          REQUIRE(found.size() == 2);
          CHECK(found[0].clusters() == 4);
          CHECK(found[1].clusters() == 3);
          CHECK(found[0].assignments.size() == 40);
          CHECK(found[1].assignments.size() == 20);
          centroids.push_back(found[0].centroids);
        });
    return centroids;
  };
  const auto first = run(1);
  CHECK(order == std::vector<isize>{0, 100, 1, 101, 2, 102});
  CHECK(first[0] != first[1]);
  CHECK(first[1] != first[2]);
  CHECK(run(1) == first);
  CHECK(run(2) != first);
}

TEST_CASE("samples are drawn evenly from clusters of unequal size") {
  std::vector<isize> assignments(1000, 0);
  for (std::size_t s = 0; s < 10; ++s) assignments[100 * s] = 3;
  const auto drawn = mf::uniform_over_clusters(assignments, {1, 0}, 2000);
  CHECK(drawn.size() == 2000);
  CHECK(drawn == mf::uniform_over_clusters(assignments, {1, 0}, 2000));
  isize rare = 0;
  for (const isize s : drawn) rare += assignments[std::size_t(s)] == 3;
  CHECK(rare > 900);
  CHECK(rare < 1100);
}

TEST_CASE("unusable numbers are refused") {
  const auto never = [](isize) -> std::array<mf::features_to_cluster, 1> { return {}; };
  CHECK_THROWS_AS(mf::train_on_pseudo_labels({.rounds = 0}, never, [](isize, const auto&) {}), mf::argument_error);
  CHECK_THROWS_AS(mf::train_on_pseudo_labels({}, never, [](isize, const auto&) {}), mf::shape_error);
  const std::vector<isize> good{0, 1}, negative{0, -1};
  CHECK_THROWS_AS(mf::uniform_over_clusters({}, {}, 1), mf::argument_error);
  CHECK_THROWS_AS(mf::uniform_over_clusters(good, {}, -1), mf::argument_error);
  CHECK_THROWS_AS(mf::uniform_over_clusters(negative, {}, 1), mf::argument_error);
}

}  // namespace test_train_pseudo_labels
