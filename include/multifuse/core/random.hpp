#pragma once
#include <cmath>
#include <cstdint>
#include <string_view>

#include "types.hpp"

namespace multifuse {

/// Names one sequence of random numbers. Number `index` of a sequence is a pure function of (key, index): the same on
/// every backend, in every order of evaluation and after every restart.
struct random_key {
  std::uint64_t seed = 0;    ///< of the whole run
  std::uint64_t stream = 0;  ///< of one use within it: a parameter, a dropout layer, a step

  /// A sequence independent of this one, chosen by `salt` (a step, a call number).
  MULTIFUSE_HD constexpr random_key split(std::uint64_t salt) const {
    std::uint64_t mixed = stream + 0x9E3779B97F4A7C15ull * (salt + 1);  // SplitMix64 finalizer
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBull;
    return {seed, mixed ^ (mixed >> 31)};
  }

  /// A sequence for something that has a name (FNV-1a of the name).
  constexpr random_key split(std::string_view name) const {
    std::uint64_t hash = 0xCBF29CE484222325ull;
    for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
    return split(hash);
  }
};

namespace detail {
struct random_words {
  std::uint32_t word[4];
};

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
MULTIFUSE_HD constexpr random_words philox(random_key key, std::uint64_t counter) {
  std::uint32_t c0 = std::uint32_t(counter), c1 = std::uint32_t(counter >> 32);
  std::uint32_t c2 = std::uint32_t(key.stream), c3 = std::uint32_t(key.stream >> 32);
  std::uint32_t k0 = std::uint32_t(key.seed), k1 = std::uint32_t(key.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t(0xD2511F53u) * c0;
    const std::uint64_t p1 = std::uint64_t(0xCD9E8D57u) * c2;
    c0 = std::uint32_t(p1 >> 32) ^ c1 ^ k0;
    c1 = std::uint32_t(p1);
    c2 = std::uint32_t(p0 >> 32) ^ c3 ^ k1;
    c3 = std::uint32_t(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}
}  // namespace detail

/// Number `index` of the sequence, uniform in [0, 1), with 32 random bits.
MULTIFUSE_HD constexpr double uniform(random_key key, isize index) {
  const auto words = detail::philox(key, std::uint64_t(index) / 4);
  return words.word[std::uint64_t(index) % 4] * 0x1p-32;
}

/// Number `index` of the sequence, uniform over 0 ... bound - 1 (bound 1 ... 2^32).
MULTIFUSE_HD constexpr isize uniform_integer(random_key key, isize index, isize bound) {
  return isize(uniform(key, index) * double(bound));
}

/// Number `index` of the sequence, normal with mean 0 and deviation 1 (Box-Muller).
inline double normal(random_key key, isize index) {
  const auto words = detail::philox(key, std::uint64_t(index) / 2);
  const int half = 2 * int(std::uint64_t(index) % 2);
  const double radius = std::sqrt(-2.0 * std::log((words.word[half] + 1.0) * 0x1p-32));
  return radius * std::cos(6.283185307179586 * words.word[half + 1] * 0x1p-32);
}

/// Number `index` of the sequence, from Beta(a, b), a and b > 0, as a ratio of gamma variates (Marsaglia and Tsang
/// 2000).
inline double beta_variate(random_key key, isize index, double a, double b) {
  const auto gamma_variate = [](random_key draws, double shape) {
    const double boost = shape < 1 ? std::pow(1.0 - uniform(draws, 0), 1.0 / shape) : 1.0;
    const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3.0;
    const double c = 1.0 / std::sqrt(9.0 * d);
    for (isize attempt = 1;; ++attempt) {
      const double x = normal(draws.split(1), attempt);
      const double v = (1 + c * x) * (1 + c * x) * (1 + c * x);
      if (v <= 0) continue;
      const double u = 1.0 - uniform(draws.split(2), attempt);
      if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return boost * d * v;
    }
  };
  const random_key draws = key.split(std::uint64_t(index));
  const double first = gamma_variate(draws.split(1), a);
  const double second = gamma_variate(draws.split(2), b);
  return first / (first + second);
}

}  // namespace multifuse
