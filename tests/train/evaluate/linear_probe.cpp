#include <multifuse/train/evaluate/linear_probe.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <multifuse/core/random.hpp>

namespace test_train_evaluate_linear_probe {

namespace mf = multifuse;
using mf::isize;

namespace {

/// Three clouds in the plane, far apart or on top of each other, in one of many units; a third feature says nothing.
struct clouds {
  std::vector<float> features;
  std::vector<isize> labels;
  clouds(std::uint64_t seed, isize samples, double distance, double unit = 1) {
    const mf::random_key key{seed, 0};
    for (isize s = 0; s < samples; ++s) {
      const isize label = s % 3;
      features.push_back(float(unit * (100 + distance * (label == 1) + mf::normal(key.split(1), s))));
      features.push_back(float(distance * (label == 2) + mf::normal(key.split(2), s)));
      features.push_back(7);
      labels.push_back(label);
    }
  }
  mf::labeled_features view() const { return {features, labels}; }
};

}  // namespace

TEST_CASE("classes that a line separates are found, others by chance, whatever the units") {
  CHECK(mf::linear_probe_accuracy(clouds(1, 300, 12).view(), clouds(2, 300, 12).view()) == 1.0);
  CHECK(mf::linear_probe_accuracy(clouds(1, 300, 12, 1e4).view(), clouds(2, 300, 12, 1e4).view()) == 1.0);
  const double chance = mf::linear_probe_accuracy(clouds(1, 900, 0).view(), clouds(2, 900, 0).view());
  CHECK(chance > 0.25);
  CHECK(chance < 0.42);
  const double between = mf::linear_probe_accuracy(clouds(1, 900, 2).view(), clouds(2, 900, 2).view());
  CHECK(between > 0.65);
  CHECK(between < 0.95);
  CHECK(mf::linear_probe(clouds(1, 300, 12).view()).classes() == 3);
}

TEST_CASE("the border lies where the shares of the classes say, also for classes that mix") {
  // at the minimum the probability of class 1 is its share on each side: 1/3 and 2/3, so the border is at 0
  const std::vector<float> features{-1, -1, -1, 1, 1, 1};
  const std::vector<isize> labels{0, 0, 1, 1, 1, 0};
  const mf::linear_probe probe({features, labels}, {.weight_decay = 0});
  const std::vector<float> asked{-1e-3f, 1e-3f};
  const std::vector<isize> sides{0, 1};
  CHECK(probe.accuracy({asked, sides}) == 1.0);
  // 1/3 and certainty: a straight line through these odds crosses even odds between the sides, near the left one
  const std::vector<isize> more{0, 0, 1, 1, 1, 1};
  const mf::linear_probe shifted({features, more}, {.weight_decay = 0});
  CHECK(shifted.classify({features, more}) == std::vector<isize>{0, 0, 0, 1, 1, 1});
  CHECK(shifted.classify({asked, sides}) == std::vector<isize>{1, 1});
}

TEST_CASE("the same input gives the same classifier, and a rare class is not lost") {
  const clouds train(3, 301, 2), test(4, 200, 2);
  const auto once = mf::linear_probe(train.view()).classify(test.view());
  CHECK(mf::linear_probe(train.view()).classify(test.view()) == once);
  const std::vector<float> features{0, 0.1f, 0.2f, 5};
  const std::vector<isize> labels{4, 4, 4, 2};
  CHECK(mf::linear_probe_accuracy({features, labels}, {features, labels}) == 1.0);
}

TEST_CASE("unusable features, labels and options are refused") {
  const std::vector<float> features{0, 1, 2, 3}, wide{0, 1, 2, 3, 4, 5};
  const std::vector<isize> labels{0, 1}, three{0, 1, 0}, negative{0, -1};
  CHECK_THROWS_AS(mf::linear_probe({features, three}), mf::shape_error);
  CHECK_THROWS_AS(mf::linear_probe({features, {}}), mf::shape_error);
  CHECK_THROWS_AS(mf::linear_probe({{}, labels}), mf::shape_error);
  CHECK_THROWS_AS(mf::linear_probe({features, negative}), mf::argument_error);
  CHECK_THROWS_AS(mf::linear_probe_accuracy({features, labels}, {wide, labels}), mf::shape_error);
  CHECK_THROWS_AS(mf::linear_probe({features, labels}).classify({wide, labels}), mf::shape_error);
  CHECK_THROWS_AS(mf::linear_probe({features, labels}, {.steps = 0}), mf::argument_error);
  CHECK_THROWS_AS(mf::linear_probe({features, labels}, {.weight_decay = -1}), mf::argument_error);
  const std::vector<float> broken{0, 1, std::numeric_limits<float>::quiet_NaN(), 3};
  CHECK_THROWS_AS(mf::linear_probe({broken, labels}), mf::argument_error);
}

}  // namespace test_train_evaluate_linear_probe
