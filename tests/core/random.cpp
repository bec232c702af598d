#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <multifuse/core/random.hpp>
#include <set>
#include <string>
#include <vector>

namespace test_core_random {

namespace mf = multifuse;
using mf::isize;

namespace {

using words = std::array<std::uint32_t, 4>;

/// Philox4x32-10 as the paper writes it, round by round with the high and low halves of two products, independent of the
/// library's code.
words reference_philox(words counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    if (round > 0) {
      key[0] += 0x9E3779B9u;
      key[1] += 0xBB67AE85u;
    }
    const auto high = [](std::uint32_t a, std::uint32_t b) {  // schoolbook, in 16-bit digits
      const std::uint32_t a0 = a & 0xFFFFu, a1 = a >> 16, b0 = b & 0xFFFFu, b1 = b >> 16;
      const std::uint32_t middle = a1 * b0 + (a0 * b0 >> 16);
      return a1 * b1 + (middle >> 16) + ((a0 * b1 + (middle & 0xFFFFu)) >> 16);
    };
    counter = {high(0xCD9E8D57u, counter[2]) ^ counter[1] ^ key[0], 0xCD9E8D57u * counter[2],
               high(0xD2511F53u, counter[0]) ^ counter[3] ^ key[1], 0xD2511F53u * counter[0]};
  }
  return counter;
}

/// The library's words for a counter and key given as in the paper.
words library_philox(words counter, std::array<std::uint32_t, 2> key) {
  const auto joined = [](std::uint32_t low, std::uint32_t high) { return std::uint64_t(high) << 32 | low; };
  const auto found =
      mf::detail::philox({joined(key[0], key[1]), joined(counter[2], counter[3])}, joined(counter[0], counter[1]));
  return {found.word[0], found.word[1], found.word[2], found.word[3]};
}

struct moments {
  double mean = 0, variance = 0, skewness = 0, kurtosis = 0;
};

template <class Draw> moments moments_of(isize n, Draw draw) {
  std::vector<double> values;
  for (isize i = 0; i < n; ++i) values.push_back(draw(i));
  moments m;
  for (double v : values) m.mean += v / double(n);
  for (double v : values) m.variance += (v - m.mean) * (v - m.mean) / double(n);
  for (double v : values) {
    const double z = (v - m.mean) / std::sqrt(m.variance);
    m.skewness += z * z * z / double(n);
    m.kurtosis += z * z * z * z / double(n);
  }
  return m;
}

/// Correlation of two sequences of uniform numbers.
double correlation(mf::random_key a, mf::random_key b, isize n, isize lag = 0) {
  double sum = 0;
  for (isize i = 0; i < n; ++i) sum += (mf::uniform(a, i) - 0.5) * (mf::uniform(b, i + lag) - 0.5);
  return 12 * sum / double(n);
}

constexpr isize many = 200000;
const double five_sigma = 5 / std::sqrt(double(many));

}  // namespace

TEST_CASE("Philox4x32-10: the known answers, of the library and of the reference") {
  struct answer {
    words counter;
    std::array<std::uint32_t, 2> key;
    words expected;
  };
  const answer answers[] = {{{0, 0, 0, 0}, {0, 0}, {0x6627E8D5u, 0xE169C58Du, 0xBC57AC4Cu, 0x9B00DBD8u}},
                            {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408F276Du, 0x41C83B0Eu, 0xA20BC7C6u, 0x6D5451FDu}},
                            {{0x243F6A88u, 0x85A308D3u, 0x13198A2Eu, 0x03707344u},  // the digits of pi
                             {0xA4093822u, 0x299F31D0u},
                             {0xD16CFE09u, 0x94FDCCEBu, 0x5001E420u, 0x24126EA1u}}};
  for (const answer& one : answers) {
    CHECK(reference_philox(one.counter, one.key) == one.expected);
    CHECK(library_philox(one.counter, one.key) == one.expected);
  }
}

TEST_CASE("Philox4x32-10: the library agrees with the reference on other counters and keys") {
  std::uint32_t state = 12345;
  const auto next = [&] { return state = state * 1664525u + 1013904223u; };
  for (int i = 0; i < 5000; ++i) {
    const words counter{next(), next(), next(), next()};
    const std::array<std::uint32_t, 2> key{next(), next()};
    REQUIRE(library_philox(counter, key) == reference_philox(counter, key));
  }
}

TEST_CASE("a number is a function of key and index: constant, and the same in every order") {
  constexpr mf::random_key key{42, 7};
  constexpr double fifth = mf::uniform(key, 5);
  static_assert(mf::uniform_integer(key, 5, 10) == isize(fifth * 10));
  std::vector<double> forward, backward;
  for (isize i = 0; i < 1000; ++i) forward.push_back(mf::uniform(key, i));
  for (isize i = 999; i >= 0; --i) backward.push_back(mf::uniform(key, i));
  std::reverse(backward.begin(), backward.end());
  CHECK(forward == backward);
  CHECK(forward[5] == fifth);
  const std::set<double> distinct(forward.begin(), forward.end());
  CHECK(distinct.size() == 1000);
}

TEST_CASE("any index is allowed") {
  for (const isize index : {isize(-1), isize(-2), isize(-7), std::numeric_limits<isize>::min(),
                            std::numeric_limits<isize>::max(), isize(1) << 40}) {
    const double u = mf::uniform({1, 2}, index);
    CHECK((u >= 0 && u < 1));
    CHECK(std::isfinite(mf::normal({1, 2}, index)));
    CHECK(mf::uniform_integer({1, 2}, index, 3) < 3);
  }
}

TEST_CASE("uniform numbers: range, moments, cells of equal frequency") {
  const mf::random_key key{1, 1};
  double least = 1, most = 0;
  std::array<int, 64> cells{};
  for (isize i = 0; i < many; ++i) {
    const double u = mf::uniform(key, i);
    least = std::min(least, u);
    most = std::max(most, u);
    ++cells.at(std::size_t(u * 64));
  }
  CHECK(least >= 0);
  CHECK(most < 1);
  double chi_squared = 0;
  for (const int n : cells) chi_squared += (n - many / 64.0) * (n - many / 64.0) / (many / 64.0);
  CHECK(chi_squared < 120);  // 63 degrees of freedom: more in one of 10^5 runs
  CHECK(chi_squared > 25);
  const auto m = moments_of(many, [&](isize i) { return mf::uniform(key, i); });
  CHECK(std::abs(m.mean - 0.5) < five_sigma * std::sqrt(1 / 12.0));
  CHECK(std::abs(m.variance - 1 / 12.0) < five_sigma * std::sqrt(1 / 180.0));
}

TEST_CASE("uniform integers: all values of a small bound equally often, and none beyond a large one") {
  std::array<int, 7> counts{};
  for (isize i = 0; i < 70000; ++i) ++counts.at(std::size_t(mf::uniform_integer({3, 4}, i, 7)));
  for (const int n : counts) CHECK(std::abs(n - 10000) < 500);
  for (isize i = 0; i < 1000; ++i) {
    CHECK(mf::uniform_integer({3, 4}, i, 1) == 0);
    CHECK(mf::uniform_integer({3, 4}, i, isize(1) << 32) < isize(1) << 32);
  }
}

TEST_CASE("normal numbers: moments, tails, both halves of Box-Muller") {
  const mf::random_key key{2, 9};
  const auto m = moments_of(many, [&](isize i) { return mf::normal(key, i); });
  CHECK(std::abs(m.mean) < five_sigma);
  CHECK(std::abs(m.variance - 1) < five_sigma * std::sqrt(2.0));
  CHECK(std::abs(m.skewness) < five_sigma * std::sqrt(6.0));
  CHECK(std::abs(m.kurtosis - 3) < five_sigma * std::sqrt(24.0));
  for (const isize parity : {0, 1}) {
    const auto half = moments_of(many / 2, [&](isize i) { return mf::normal(key, 2 * i + parity); });
    CHECK(std::abs(half.mean) < 2 * five_sigma);
    CHECK(std::abs(half.variance - 1) < 3 * five_sigma);
  }
  double pairs = 0;
  isize beyond_two = 0;
  for (isize i = 0; i < many; ++i) {
    if (i % 2 == 0) pairs += mf::normal(key, i) * mf::normal(key, i + 1);
    beyond_two += std::abs(mf::normal(key, i)) > 2;
  }
  CHECK(std::abs(pairs / (many / 2)) < 2 * five_sigma);
  CHECK(std::abs(double(beyond_two) / many - 0.0455003) < five_sigma);
}

TEST_CASE("beta variates: moments for shapes below, at and above 1") {
  struct parameters {
    double a, b;
  };
  for (const parameters p : {parameters{0.3, 0.3}, parameters{1, 1}, parameters{0.5, 2}, parameters{8, 3}}) {
    const isize n = 40000;
    const double a = p.a, b = p.b;
    const auto m = moments_of(n, [a, b](isize i) { return mf::beta_variate({5, 6}, i, a, b); });
    const double mean = a / (a + b), variance = a * b / ((a + b) * (a + b) * (a + b + 1));
    INFO("Beta(" << a << ", " << b << ")");
    CHECK(std::abs(m.mean - mean) < 5 * std::sqrt(variance / double(n)));
    CHECK(std::abs(m.variance - variance) < 0.05 * variance);
  }
}

TEST_CASE("streams, seeds and splits are independent of each other") {
  const mf::random_key key{11, 22};
  const mf::random_key others[] = {
      {11, 23}, {12, 22}, {22, 11}, key.split(0), key.split(1), key.split("weight"), key.split(0).split(0)};
  for (const mf::random_key& other : others) CHECK(std::abs(correlation(key, other, many)) < five_sigma);
  CHECK(std::abs(correlation(key.split(1), key.split(2), many)) < five_sigma);
  CHECK(std::abs(correlation(key.split("a"), key.split("b"), many)) < five_sigma);
  for (const isize lag : {1, 2, 3, 4, 5, 64}) CHECK(std::abs(correlation(key, key, many, lag)) < five_sigma);
}

TEST_CASE("splits by numbers and by names do not collide") {
  std::set<std::uint64_t> found;
  std::size_t made = 0;
  const mf::random_key key{1, 0};
  const auto see = [&](mf::random_key one) {
    CHECK(one.seed == 1);
    found.insert(one.stream);
    ++made;
  };
  for (std::uint64_t salt = 0; salt < 3000; ++salt) {
    see(key.split(salt));
    see(key.split("layer." + std::to_string(salt) + ".weight"));
    see(key.split("layer." + std::to_string(salt) + ".bias"));
  }
  for (std::uint64_t a = 0; a < 50; ++a)
    for (std::uint64_t b = 0; b < 50; ++b) see(key.split(a).split(b));
  see(key.split(""));
  CHECK(found.size() == made);
  static_assert(mf::random_key{1, 2}.split("bias").stream == mf::random_key{9, 2}.split("bias").stream);
  CHECK(key.split("x").stream != mf::random_key{1, 1}.split("x").stream);
}

}  // namespace test_core_random
