#pragma once
#include <cmath>

#include "../core/random.hpp"

namespace multifuse {

/// How the values of a parameter start: a distribution and its two numbers.
struct initializer {
  enum class distribution { constant, uniform, normal, truncated_normal };
  distribution kind = distribution::constant;
  double first = 0;   ///< the constant, the lower bound, or the mean
  double second = 0;  ///< the upper bound, or the deviation

  /// Value number `index` under this key.
  double draw(random_key key, isize index) const {
    switch (kind) {
      case distribution::constant: return first;
      case distribution::uniform: return first + (second - first) * uniform(key, index);
      case distribution::normal: return first + second * normal(key, index);
      case distribution::truncated_normal:  // drawn again outside two deviations
        for (random_key draws = key;; draws = draws.split(index)) {
          const double z = normal(draws, index);
          if (z > -2 && z < 2) return first + second * z;
        }
    }
    return first;
  }
};

namespace init {
constexpr initializer constant(double value) { return {initializer::distribution::constant, value, 0}; }
constexpr initializer zeros() { return constant(0); }
constexpr initializer ones() { return constant(1); }
constexpr initializer uniform(double low, double high) { return {initializer::distribution::uniform, low, high}; }
constexpr initializer normal(double deviation) { return {initializer::distribution::normal, 0, deviation}; }
/// Normal, drawn again outside two deviations.
constexpr initializer truncated_normal(double deviation) {
  return {initializer::distribution::truncated_normal, 0, deviation};
}

namespace detail {
constexpr double square_root(double x) {  // Newton; std::sqrt is not constexpr
  double r = x > 1 ? x : 1;
  for (int i = 0; i < 200; ++i) r = 0.5 * (r + x / r);
  return r;
}
}  // namespace detail

/// Glorot and Bengio 2010: uniform with bound sqrt(6 / (in + out)).
constexpr initializer xavier_uniform(isize in, isize out) {
  const double bound = detail::square_root(6.0 / double(in + out));
  return uniform(-bound, bound);
}
/// Uniform with bound 1 / sqrt(in), the default of common frameworks for dense and convolution weights.
constexpr initializer fan_in_uniform(isize in) {
  const double bound = 1.0 / detail::square_root(double(in));
  return uniform(-bound, bound);
}
/// He et al. 2015: normal with deviation sqrt(2 / connections), for layers before a ReLU. Connections are those of an
/// input (taps times outputs: keeps the size of gradients) or of an output (that of values).
constexpr initializer he_normal(isize connections) { return normal(detail::square_root(2.0 / double(connections))); }
}  // namespace init

}  // namespace multifuse
