#include "multifuse/metrics/clustering.hpp"

#include <doctest/doctest.h>

#include <random>
#include <set>
#include <vector>

namespace test_metrics_clustering {

namespace mf = multifuse;
using names = std::vector<mf::isize>;

namespace {
// I(a, b) from the plain definition over probabilities, counted anew for each pair of names.
double by_definition(const names& a, const names& b) {
  const std::set<mf::isize> in_a(a.begin(), a.end()), in_b(b.begin(), b.end());
  const auto n = static_cast<double>(a.size());
  double information = 0, entropies = 0;
  const auto share = [&](auto holds) {
    double count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) count += holds(i);
    return count / n;
  };
  for (mf::isize x : in_a) {
    const double px = share([&](std::size_t i) { return a[i] == x; });
    entropies -= px * std::log(px);
    for (mf::isize y : in_b) {
      const double py = share([&](std::size_t i) { return b[i] == y; });
      const double both = share([&](std::size_t i) { return a[i] == x && b[i] == y; });
      if (both > 0) information += both * std::log(both / px / py);
    }
  }
  for (mf::isize y : in_b) {
    const double py = share([&](std::size_t i) { return b[i] == y; });
    entropies -= py * std::log(py);
  }
  return 2 * information / entropies;
}
}  // namespace

TEST_CASE("purity and mutual information of hand-computed cases") {
  const names clusters{0, 0, 0, 1, 1, 1}, truth{0, 0, 1, 1, 2, 2};
  CHECK(mf::purity(clusters, truth) == doctest::Approx(4.0 / 6));
  CHECK(mf::normalized_mutual_information(clusters, truth) ==
        doctest::Approx(4.0 / 3 * std::log(2.0) / (std::log(2.0) + std::log(3.0))));
  CHECK(mf::purity(names{7, 7, -3, -3}, names{1, 1, 0, 0}) == 1);
  CHECK(mf::normalized_mutual_information(names{7, 7, -3, -3}, names{1, 1, 0, 0}) == doctest::Approx(1));
  CHECK(mf::purity(names{0, 0, 1, 1}, names{0, 1, 0, 1}) == 0.5);
  CHECK(mf::normalized_mutual_information(names{0, 0, 1, 1}, names{0, 1, 0, 1}) == doctest::Approx(0));
  CHECK(mf::normalized_mutual_information(names{4, 4, 4}, names{0, 1, 2}) == 0);
  CHECK(mf::normalized_mutual_information(names{4, 4, 4}, names{2, 2, 2}) == 1);
}

TEST_CASE("mutual information agrees with its definition, is symmetric and blind to names") {
  std::mt19937 random(5);
  for (int trial = 0; trial < 50; ++trial) {
    names a(80), b(80), renamed(80);
    for (std::size_t i = 0; i < a.size(); ++i) {
      a[i] = static_cast<mf::isize>(random() % 5);
      b[i] = random() % 2 ? a[i] / 2 : static_cast<mf::isize>(random() % 4);
      renamed[i] = 1000 - 7 * a[i];
    }
    const double nmi = mf::normalized_mutual_information(a, b);
    CHECK(nmi == doctest::Approx(by_definition(a, b)).epsilon(1e-9));
    CHECK(nmi == doctest::Approx(mf::normalized_mutual_information(b, a)).epsilon(1e-12));
    CHECK(nmi == doctest::Approx(mf::normalized_mutual_information(renamed, b)).epsilon(1e-12));
    CHECK(mf::purity(a, b) == mf::purity(renamed, b));
  }
}

TEST_CASE("clustering metrics refuse bad input") {
  CHECK_THROWS_AS(mf::purity({}, {}), mf::argument_error);
  CHECK_THROWS_AS(mf::purity(names{1}, names{1, 2}), mf::shape_error);
  CHECK_THROWS_AS(mf::normalized_mutual_information({}, {}), mf::argument_error);
  CHECK_THROWS_AS(mf::normalized_mutual_information(names{1, 2}, names{1}), mf::shape_error);
}

}  // namespace test_metrics_clustering
