#pragma once
#include <cmath>
#include <cstdint>

#include "types.hpp"

/// Transcendental functions without branches, so that loops over them vectorize. The float versions state their error
/// bounds against double; every other type goes to the standard library.
namespace multifuse::math {

template <class T> MULTIFUSE_HD inline T exp(T x) { return std::exp(x); }
template <class T> MULTIFUSE_HD inline T tanh(T x) { return std::tanh(x); }
template <class T> MULTIFUSE_HD inline T erf(T x) { return std::erf(x); }
template <class T> MULTIFUSE_HD inline T sqrt(T x) { return std::sqrt(x); }

/// Relative error below 1.2e-7. The standard library's keeps loops from being vectorized, because it sets errno.
template <> MULTIFUSE_HD inline float sqrt<float>(float x) {
  const bool tiny = x < 1e-30f;  // denormals have no exponent to start from
  const float scaled = tiny ? x * 0x1p48f : x;
  float inverse =
      __builtin_bit_cast(float, 0x5F3759DFu - (__builtin_bit_cast(std::uint32_t, scaled) >> 1));  // to 3.5 %
  for (int i = 0; i < 3; ++i) inverse *= 1.5f - 0.5f * (scaled * inverse) * inverse;                          // Newton
  float root = scaled * inverse;
  root += 0.5f * inverse * (scaled - root * root);
  if (tiny) root *= 0x1p-24f;
  return x >= 0.0f ? (x <= 3.4028235e38f ? root : x) : __builtin_nanf("");
}

/// Relative error below 1.1e-7 on [-87, 88]; 0 below, so that no denormal slows a loop down, and infinite above.
template <> MULTIFUSE_HD inline float exp<float>(float x) {
  const float clamped = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  const float magic = 12582912.0f;  // adding it rounds to the nearest integer
  const float shifted = clamped * 1.44269504f + magic;
  const float n = shifted - magic;
  const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;  // two parts of ln 2: n * high is exact
  const float p =  // Chebyshev interpolation of exp(r) for |r| <= ln 2 / 2, error 1e-8
      1.0f + r * (1.0f + r * (0.5f + r * (0.16666577f + r * (0.041666555f + r * (0.0083631791f + r * 0.0013926184f)))));
  // the integer stands in the low bits of `shifted`: no conversion, which a NaN would not survive
  const std::uint32_t integer = __builtin_bit_cast(std::uint32_t, shifted) - __builtin_bit_cast(std::uint32_t, magic);
  const float result = p * __builtin_bit_cast(float, (integer + 127u) << 23);
  return x < -87.0f ? 0.0f : (x > 88.0f ? __builtin_huge_valf() : result);
}

/// Absolute error below 2e-7; relative error below 2e-7 where |x| < 0.3.
template <> MULTIFUSE_HD inline float tanh<float>(float x) {
  const float s = x * x;
  const float near_zero = x * (1.0f + s * (-0.33333333f + s * (0.13333333f + s * (-0.053968254f + s * 0.021869488f))));
  const float elsewhere = 1.0f - 2.0f / (math::exp(2.0f * x) + 1.0f);
  return s < 0.09f ? near_zero : elsewhere;
}

/// Absolute error below 5e-7; relative error below 5e-7 where |x| < 0.5. A quotient of polynomials, fitted to the least
/// largest error on [-3.9, 3.9]; at 4.03 it is above one in any rounding, and cut to what erf is there in float.
template <> MULTIFUSE_HD inline float erf<float>(float x) {
  const float clamped = x < -4.03f ? -4.03f : (x > 4.03f ? 4.03f : x);
  const float s = clamped * clamped;
  const float p =
      1.12837903f + s * (0.191942046f + s * (0.0529670135f + s * (0.00383691005f + s * (2.87456199e-4f + s * 2.05035489e-6f))));
  const float q =
      1.0f + s * (0.503435987f + s * (0.114758592f + s * (0.0151092724f + s * (0.00118173935f + s * 3.82303522e-5f))));
  const float y = clamped * p / q;
  return y < -1.0f ? -1.0f : (y > 1.0f ? 1.0f : y);
}

}  // namespace multifuse::math
