#include <multifuse/train/evaluate/nearest_neighbors.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <multifuse/core/random.hpp>

namespace test_train_evaluate_nearest_neighbors {

namespace mf = multifuse;
using mf::isize;
using labels_of = std::vector<isize>;

TEST_CASE("neighbors are near in angle, not in distance") {
  const std::vector<float> train{1, 0, 0.9f, 0.1f, 0, 1, 0.1f, 0.9f};
  const labels_of labels{0, 0, 1, 1};
  const std::vector<float> test{50, 1, 0.001f, 0.02f, 0, 0};
  const labels_of truth{0, 1, 0};
  CHECK(mf::classify_by_neighbors({train, labels}, {test, truth}, {.neighbors = 1}) == labels_of{0, 1, 0});
  CHECK(mf::nearest_neighbors_accuracy({train, labels}, {test, truth}, {.neighbors = 2}) == 1.0);
}

TEST_CASE("votes weigh by similarity or the same; ties go to the lower class") {
  const std::vector<float> train{1, 0, 0.2f, 1, 0.2f, 1};
  const labels_of labels{2, 1, 1}, truth{2};
  const std::vector<float> test{1, 0.1f};
  CHECK(mf::classify_by_neighbors({train, labels}, {test, truth}, {.neighbors = 3}) == labels_of{2});
  CHECK(mf::classify_by_neighbors({train, labels}, {test, truth}, {.neighbors = 3, .temperature = 0}) == labels_of{1});
  CHECK(mf::classify_by_neighbors({train, labels}, {test, truth}, {.neighbors = 2, .temperature = 0}) == labels_of{1});
  CHECK(mf::classify_by_neighbors({train, labels}, {test, truth}, {.neighbors = 100, .temperature = 0}) ==
        labels_of{1});
  CHECK(mf::classify_by_neighbors({train, labels}, {test, truth}, {.neighbors = 3, .temperature = 1e-9}) ==
        labels_of{2});
}

TEST_CASE("as a naive search on more samples than one block") {
  const mf::random_key key{5, 0};
  constexpr isize width = 3, known = 40, asked = 300;
  std::vector<float> train, test;
  labels_of labels, truth;
  for (isize i = 0; i < known * width; ++i) train.push_back(float(mf::normal(key.split(1), i)));
  for (isize i = 0; i < asked * width; ++i) test.push_back(float(mf::normal(key.split(2), i)));
  for (isize i = 0; i < known; ++i) labels.push_back(i % 4);
  for (isize i = 0; i < asked; ++i) truth.push_back(i % 4);
  const auto found = mf::classify_by_neighbors({train, labels}, {test, truth}, {.neighbors = 1});
  REQUIRE(found.size() == std::size_t(asked));
  double right = 0;
  for (std::size_t s = 0; s < found.size(); ++s) {
    double best = -2;
    isize nearest = 0;
    for (std::size_t t = 0; t < labels.size(); ++t) {
      double dot = 0, length = 0;
      for (std::size_t i = 0; i < std::size_t(width); ++i) {
        dot += double(test[s * width + i]) * train[t * width + i];
        length += double(train[t * width + i]) * train[t * width + i];
      }
      const double cosine = dot / std::sqrt(length);
      if (cosine > best || t == 0) best = cosine, nearest = labels[t];
    }
    CHECK(found[s] == nearest);
    right += found[s] == truth[s];
  }
  CHECK(mf::nearest_neighbors_accuracy({train, labels}, {test, truth}, {.neighbors = 1}) == right / asked);
}

TEST_CASE("unusable features, labels and options are refused") {
  const std::vector<float> features{0, 1, 2, 3}, wide{0, 1, 2, 3, 4, 5};
  const labels_of labels{0, 1}, three{0, 1, 0}, negative{0, -1};
  const mf::labeled_features good{features, labels};
  CHECK_THROWS_AS(mf::classify_by_neighbors({features, three}, good), mf::shape_error);
  CHECK_THROWS_AS(mf::classify_by_neighbors(good, {wide, labels}), mf::shape_error);
  CHECK_THROWS_AS(mf::classify_by_neighbors(good, {features, {}}), mf::shape_error);
  CHECK_THROWS_AS(mf::classify_by_neighbors({features, negative}, good), mf::argument_error);
  CHECK_THROWS_AS(mf::classify_by_neighbors(good, good, {.neighbors = 0}), mf::argument_error);
  CHECK_THROWS_AS(mf::classify_by_neighbors(good, good, {.temperature = -1}), mf::argument_error);
  const std::vector<float> broken{0, 1, std::numeric_limits<float>::infinity(), 3};
  CHECK_THROWS_AS(mf::classify_by_neighbors({broken, labels}, good), mf::argument_error);
}

}  // namespace test_train_evaluate_nearest_neighbors
