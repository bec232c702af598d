#include <multifuse/ops/medoids.hpp>

#include <algorithm>

#include "../support/check.hpp"

namespace test_ops_medoids {

namespace mf = multifuse;
using D = mf::cpu<double>;
using mf::isize;

namespace {
/// The definition, one item at a time.
std::vector<std::int32_t> medoids(const std::vector<double>& x, const std::vector<double>& weights, isize items,
                                  isize count, isize width, isize kept, int iterations) {
  std::vector<std::int32_t> result;
  for (isize item = 0; item < items; ++item) {
    const auto distance = [&](isize a, isize b) {
      double sum = 0;
      for (isize c = 0; c < width; ++c)
        sum += std::abs(x[std::size_t((item * count + a) * width + c)] - x[std::size_t((item * count + b) * width + c)]);
      return sum;
    };
    const auto weight = [&](isize i) { return weights[std::size_t(item * count + i)]; };
    std::vector<isize> order;
    for (isize i = 0; i < count; ++i) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](isize a, isize b) { return weight(a) > weight(b); });
    order.resize(std::size_t(kept));
    for (int round = 0; round < iterations; ++round) {
      std::vector<std::vector<isize>> clusters(order.size());
      for (isize i = 0; i < count; ++i) {
        std::size_t best = 0;
        for (std::size_t k = 1; k < order.size(); ++k)
          if (distance(i, order[k]) < distance(i, order[best])) best = k;
        clusters[best].push_back(i);
      }
      for (std::size_t k = 0; k < order.size(); ++k) {
        double least = 1e300;
        for (const isize i : clusters[k]) {
          double total = 0;
          for (const isize j : clusters[k]) total += weight(j) * distance(i, j);
          if (total < least) least = total, order[k] = i;
        }
      }
    }
    for (const isize i : order) result.push_back(std::int32_t(i));
  }
  return result;
}
}  // namespace

TEST_CASE("medoids agree with their definition") {
  check::source draw(6);
  const auto x = draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<23>, mf::width<4>>(3));
  const auto scores = draw.uniform<D>(mf::shape<mf::batch<>, mf::tokens<>>(3, 23), 0, 1);
  for (const int iterations : {0, 1, 5}) {
    const auto found = mf::medoid_places<4>(x, scores, iterations);
    static_assert(std::is_same_v<decltype(found)::shape_type, mf::shape<mf::batch<>, mf::tokens<4>>>);
    CHECK(found.to_host() == medoids(x.to_host(), scores.to_host(), 3, 23, 4, 4, iterations));
  }
  CHECK(mf::medoid_places<4>(x, scores, 5).to_host() != mf::medoid_places<4>(x, scores, 0).to_host());
}

TEST_CASE("clusters that are there are found, and equal tokens leave a medoid where it was") {
  using line = mf::shape<mf::batch<1>, mf::tokens<6>, mf::width<1>>;
  const mf::tensor<D, line> x({}, std::vector<double>{0, 1, 2, 10, 11, 12});
  const mf::tensor<D, mf::shape<mf::batch<1>, mf::tokens<6>>> scores({}, std::vector<double>{3, 2, 1, 1, 1, 1});
  CHECK(mf::medoid_places<2>(x, scores, 5).to_host() == std::vector<std::int32_t>{0, 4});
  const mf::tensor<D, line> same({}, std::vector<double>{7, 7, 7, 7, 7, 7});
  CHECK(mf::medoid_places<2>(same, scores, 5).to_host() == std::vector<std::int32_t>{0, 1});
}

TEST_CASE("medoids refuse what does not fit") {
  const auto x = mf::zeros<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>(3, 5));
  const auto scores = [](isize items, isize each) {
    return mf::zeros<D>(mf::shape<mf::batch<>, mf::tokens<>>(items, each));
  };
  CHECK_THROWS_WITH_AS(mf::medoid_places<2>(x, scores(3, 4), 1),
                       "medoid_places: tokens and scores disagree on the tokens axis; expected 5; got 4",
                       mf::shape_error);
  CHECK_THROWS_AS(mf::medoid_places<2>(x, scores(2, 5), 1), mf::shape_error);
  CHECK_THROWS_AS(mf::medoid_places<6>(x, scores(3, 5), 1), mf::shape_error);
  CHECK_THROWS_AS(mf::medoid_places<2>(x, scores(3, 5), -1), mf::argument_error);
}

}  // namespace test_ops_medoids
