#pragma once
#include <cstdint>
#include <limits>

#include "types.hpp"

namespace multifuse {

/// The upper half of a float: 8 bits of exponent, 8 of precision (Kalamkar et al. 2019, "A study of BFLOAT16 for deep
/// learning training"). A type to store numbers in: it turns into a float by itself, so that arithmetic happens in float,
/// and a float turns into it, rounded, where an element is assigned or a conversion is written.
struct bf16 {
  std::uint16_t bits;

  bf16() = default;
  /// Rounds to the nearest, of two equally near ones to the even one. NaN stays NaN; what is too large becomes infinite.
  MULTIFUSE_HD constexpr explicit bf16(float value) : bits(rounded(value)) {}
  MULTIFUSE_HD constexpr bf16& operator=(float value) {
    bits = rounded(value);
    return *this;
  }
  MULTIFUSE_HD constexpr operator float() const { return __builtin_bit_cast(float, std::uint32_t(bits) << 16); }

  /// The number that has these bits.
  MULTIFUSE_HD static constexpr bf16 from_bits(std::uint16_t bits) {
    bf16 number(0.0f);
    number.bits = bits;
    return number;
  }

 private:
  MULTIFUSE_HD static constexpr std::uint16_t rounded(float value) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    if (!__builtin_is_constant_evaluated()) {  // one instruction, which rounds the same way
      std::uint16_t nearest_here;
      asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(nearest_here) : "f"(value));
      return nearest_here;
    }
#endif
    const std::uint32_t all = __builtin_bit_cast(std::uint32_t, value);
    const std::uint32_t nearest = (all + 0x7fffu + (all >> 16 & 1u)) >> 16;
    const std::uint32_t quiet = all >> 16 | 0x40u;  // a NaN whose bits are all in the lower half would become infinite
    return std::uint16_t(value != value ? quiet : nearest);
  }
};

namespace detail {
template <class T> struct compute_type_of { using type = T; };
template <> struct compute_type_of<bf16> { using type = float; };
}  // namespace detail

/// What elements of type T are computed with and summed in: float for bf16, else T itself.
template <class T> using compute_type = typename detail::compute_type_of<T>::type;

}  // namespace multifuse

template <> struct std::numeric_limits<multifuse::bf16> {
  static constexpr bool is_specialized = true, is_signed = true, is_integer = false, is_exact = false,
                        is_bounded = true, is_modulo = false, is_iec559 = false, has_infinity = true,
                        has_quiet_NaN = true, has_signaling_NaN = false, traps = false, tinyness_before = false;
  static constexpr std::float_denorm_style has_denorm = std::denorm_present;
  static constexpr bool has_denorm_loss = false;
  static constexpr std::float_round_style round_style = std::round_to_nearest;
  static constexpr int radix = 2, digits = 8, digits10 = 2, max_digits10 = 4, min_exponent = -125, min_exponent10 = -37,
                       max_exponent = 128, max_exponent10 = 38;
  static constexpr multifuse::bf16 min() noexcept { return multifuse::bf16::from_bits(0x0080); }
  static constexpr multifuse::bf16 max() noexcept { return multifuse::bf16::from_bits(0x7f7f); }
  static constexpr multifuse::bf16 lowest() noexcept { return multifuse::bf16::from_bits(0xff7f); }
  static constexpr multifuse::bf16 epsilon() noexcept { return multifuse::bf16::from_bits(0x3c00); }
  static constexpr multifuse::bf16 round_error() noexcept { return multifuse::bf16::from_bits(0x3f00); }
  static constexpr multifuse::bf16 infinity() noexcept { return multifuse::bf16::from_bits(0x7f80); }
  static constexpr multifuse::bf16 quiet_NaN() noexcept { return multifuse::bf16::from_bits(0x7fc0); }
  static constexpr multifuse::bf16 signaling_NaN() noexcept { return quiet_NaN(); }
  static constexpr multifuse::bf16 denorm_min() noexcept { return multifuse::bf16::from_bits(0x0001); }
};
