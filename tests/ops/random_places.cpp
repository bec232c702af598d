#include <multifuse/ops/random_places.hpp>

#include <set>

#include "../support/check.hpp"

namespace test_ops_random_places {

namespace mf = multifuse;
using D = mf::cpu<double>;
using mf::isize;

TEST_CASE("random places are different, follow the weights, and follow from the key") {
  constexpr isize items = 4000;
  std::vector<double> weights;
  for (isize i = 0; i < items; ++i) weights.insert(weights.end(), {1.0, 2.0, 0.0, 5.0});
  const mf::tensor<D, mf::shape<mf::batch<items>, mf::tokens<4>>> x({}, weights);
  const auto places = mf::random_places<3>(x, {3, 4}).to_host();
  double first[4] = {}, second_after_3[4] = {};
  for (std::size_t i = 0; i < std::size_t(items); ++i) {
    CHECK(std::set<std::int32_t>(places.begin() + isize(3 * i), places.begin() + isize(3 * i + 3)) ==
          std::set<std::int32_t>{0, 1, 3});
    first[places[3 * i]] += 1;
    if (places[3 * i] == 3) second_after_3[places[3 * i + 1]] += 1;
  }
  CHECK(std::abs(first[0] / items - 1.0 / 8) < 0.02);
  CHECK(std::abs(first[1] / items - 2.0 / 8) < 0.02);
  CHECK(std::abs(first[3] / items - 5.0 / 8) < 0.02);
  CHECK(std::abs(second_after_3[1] / first[3] - 2.0 / 3) < 0.03);
  CHECK(mf::random_places<3>(x, {3, 4}).to_host() == places);
  CHECK(mf::random_places<3>(x, {3, 5}).to_host() != places);
  CHECK(mf::random_places<4>(x, {3, 4}).to_host()[3] == 2);
}

namespace {
struct third { MULTIFUSE_HD isize operator()(isize i) const { return i % 3; } };
}  // namespace

TEST_CASE("strided places take one of each interleaved window") {
  const auto like = mf::zeros<D>(mf::shape<mf::tokens<1>>());
  const mf::shape<mf::batch<>, mf::tokens<4>> windows(2);
  CHECK(mf::strided_places(windows, third{}, like).to_host() == std::vector<std::int32_t>{0, 5, 10, 3, 4, 9, 2, 7});
  const auto random = mf::strided_places(mf::shape<mf::batch<>, mf::tokens<4>>(500), 3, {1, 2}, like).to_host();
  double counts[3] = {};
  for (std::size_t i = 0; i < random.size(); ++i) {
    CHECK(random[i] % 4 == std::int32_t(i % 4));
    REQUIRE(random[i] < 12);
    counts[random[i] / 4] += 1.0 / 2000;
  }
  for (const double share : counts) CHECK(std::abs(share - 1.0 / 3) < 0.04);
}

}  // namespace test_ops_random_places
