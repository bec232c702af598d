#include <multifuse/train/k_means.hpp>

#include <doctest/doctest.h>

#include <set>

namespace test_train_k_means {

namespace mf = multifuse;
using mf::isize;

namespace {

/// Clouds of normal samples around centers on a line, far apart.
std::vector<float> clouds(isize samples, isize count, isize width, double distance, std::uint64_t seed = 1) {
  std::vector<float> features;
  for (isize s = 0; s < samples; ++s)
    for (isize i = 0; i < width; ++i)
      features.push_back(float(distance * double(s % count) * (i == 0) + mf::normal({seed, 7}, s * width + i)));
  return features;
}

}  // namespace

TEST_CASE("from given seeds: computed by hand") {
  const std::vector<float> features{0, 1, 2, 10, 11}, seeds{0, 1};
  const auto start = mf::k_means(features, 1, seeds, 0);
  CHECK(start.assignments == std::vector<isize>{0, 1, 1, 1, 1});
  CHECK(start.objective() == 0 + 0 + 1 + 81 + 100);
  const auto once = mf::k_means(features, 1, seeds, 1);
  CHECK(once.centroids == std::vector<float>{0, 6});
  CHECK(once.assignments == std::vector<isize>{0, 0, 0, 1, 1});
  const auto done = mf::k_means(features, 1, seeds);
  CHECK(done.centroids == std::vector<float>{1, 10.5f});
  CHECK(done.objective() == 1 + 0 + 1 + 0.25 + 0.25);
  CHECK(done.clusters() == 2);
}

TEST_CASE("each iteration lowers the objective; separated clouds are found") {
  const auto features = clouds(120, 4, 3, 30);
  const auto seeds = std::vector<float>(features.begin(), features.begin() + 12);
  double before = 1e300;
  for (isize n = 0; n < 6; ++n) {
    const double now = mf::k_means(features, 3, seeds, n).objective();
    CHECK(now <= before);
    before = now;
  }
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const auto found = mf::k_means(features, 3, 4, {seed, 0});
    for (std::size_t s = 4; s < 120; ++s) CHECK(found.assignments[s] == found.assignments[s % 4]);
    CHECK(std::set<isize>(found.assignments.begin(), found.assignments.end()).size() == 4);
  }
}

TEST_CASE("seeds are samples, all different, drawn by the key alone, rather far apart") {
  const auto features = clouds(60, 3, 2, 0);
  const auto seeds = mf::k_means_seeds(features, 2, 20, {3, 0});
  CHECK(seeds == mf::k_means_seeds(features, 2, 20, {3, 0}));
  CHECK(seeds != mf::k_means_seeds(features, 2, 20, {4, 0}));
  std::set<std::pair<float, float>> samples, chosen;
  for (std::size_t s = 0; s < features.size(); s += 2) samples.insert({features[s], features[s + 1]});
  for (std::size_t s = 0; s < seeds.size(); s += 2) chosen.insert({seeds[s], seeds[s + 1]});
  CHECK(chosen.size() == 20);
  for (const auto& seed : chosen) CHECK(samples.count(seed) == 1);
  // one sample far from 59 others: the second seed, unless it was the first
  std::vector<float> outlier(60, 0.0f);
  for (std::size_t i = 0; i < 59; ++i) outlier[i] = float(i) * 1e-3f;
  outlier[59] = 1000;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto two = mf::k_means_seeds(outlier, 1, 2, {seed, 0});
    CHECK((two[0] == 1000 || two[1] == 1000));
  }
}

TEST_CASE("a cluster without samples takes the farthest sample; equal samples leave it where it is") {
  const std::vector<float> features{0, 1, 2, 20}, seeds{1, 500, 600};
  const auto found = mf::k_means(features, 1, seeds);
  CHECK(std::set<isize>(found.assignments.begin(), found.assignments.end()).size() == 3);
  CHECK(found.objective() == 0.5);  // 20 alone, 0 or 2 alone, and a pair
  const std::vector<float> equal{3, 3, 3};
  const auto same = mf::k_means(equal, 1, 2, {1, 0});
  CHECK(same.objective() == 0);
  CHECK(same.assignments == std::vector<isize>{0, 0, 0});
}

TEST_CASE("unusable features, seeds and numbers are refused") {
  const std::vector<float> features{0, 1, 2, 3}, three{0, 1, 2}, broken{0, NAN};
  CHECK_THROWS_AS(mf::k_means(three, 2, features), mf::shape_error);
  CHECK_THROWS_AS(mf::k_means(features, 2, three), mf::shape_error);
  CHECK_THROWS_AS(mf::k_means(features, 0, three), mf::shape_error);
  CHECK_THROWS_AS(mf::k_means({}, 1, three), mf::shape_error);
  CHECK_THROWS_AS(mf::k_means(features, 1, std::span<const float>()), mf::shape_error);
  CHECK_THROWS_AS(mf::k_means(features, 1, 5, {}), mf::argument_error);
  CHECK_THROWS_AS(mf::k_means(features, 1, 0, {}), mf::argument_error);
  CHECK_THROWS_AS(mf::k_means(features, 1, three, -1), mf::argument_error);
  CHECK_THROWS_AS(mf::k_means(broken, 1, 1, {}), mf::argument_error);
}

}  // namespace test_train_k_means
