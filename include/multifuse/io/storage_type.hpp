#pragma once
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <multifuse/core/bf16.hpp>
#include <multifuse/core/types.hpp>

namespace multifuse {

static_assert(std::endian::native == std::endian::little, "array files are little-endian; so must the machine be");

/// Element types that array files hold, by their names in safetensors: b for a truth value in one byte, u and i for
/// integers, f for IEEE 754 floating point, bf16 for the upper half of an f32.
enum class storage_type { boolean, u8, i8, u16, i16, u32, i32, u64, i64, f16, bf16, f32, f64 };

/// Name and size of an element type in a safetensors file.
struct storage_description {
  storage_type type;
  std::string_view name;
  std::size_t bytes;
};

/// Every element type, in the order of the enumeration.
inline constexpr std::array<storage_description, 13> storage_types{{
    {storage_type::boolean, "BOOL", 1},
    {storage_type::u8, "U8", 1},
    {storage_type::i8, "I8", 1},
    {storage_type::u16, "U16", 2},
    {storage_type::i16, "I16", 2},
    {storage_type::u32, "U32", 4},
    {storage_type::i32, "I32", 4},
    {storage_type::u64, "U64", 8},
    {storage_type::i64, "I64", 8},
    {storage_type::f16, "F16", 2},
    {storage_type::bf16, "BF16", 2},
    {storage_type::f32, "F32", 4},
    {storage_type::f64, "F64", 8},
}};

/// Name and size of one element type.
constexpr const storage_description& describe(storage_type type) {
  return storage_types[static_cast<std::size_t>(type)];
}

namespace detail {

template <class T, class... Others>
inline constexpr bool is_one_of = (std::same_as<T, Others> || ...);

}  // namespace detail

/// C++ types that can be read and written as numbers: bf16, float, double and the integers of up to 64 bits.
template <class T>
concept storage_number = detail::is_one_of<T, bf16, float, double, signed char, unsigned char, short, unsigned short,
                                           int, unsigned, long, unsigned long, long long, unsigned long long>;

/// The element type that has the representation of T.
template <class T>
  requires storage_number<T> || std::same_as<T, bool>
constexpr storage_type storage_type_of() {
  if constexpr (std::same_as<T, bool>) return storage_type::boolean;
  if constexpr (std::same_as<T, bf16>) return storage_type::bf16;
  if constexpr (std::floating_point<T>) return sizeof(T) == 4 ? storage_type::f32 : storage_type::f64;
  constexpr bool is_signed = std::signed_integral<T>;
  if constexpr (sizeof(T) == 1) return is_signed ? storage_type::i8 : storage_type::u8;
  if constexpr (sizeof(T) == 2) return is_signed ? storage_type::i16 : storage_type::u16;
  if constexpr (sizeof(T) == 4) return is_signed ? storage_type::i32 : storage_type::u32;
  return is_signed ? storage_type::i64 : storage_type::u64;
}

namespace detail {

/// Largest header, in bytes, that the safetensors format allows.
inline constexpr std::size_t safetensors_header_limit = 100'000'000;

/// Most axes of an array in a file: NumPy's own limit, and far more than any model's.
inline constexpr std::size_t most_axes = 64;

/// Bytes of an array; nothing when an extent is negative or when the product of the extents that are not zero, in
/// bytes, is more than isize holds (so that strides fit as well).
inline std::optional<std::size_t> byte_count(std::span<const isize> shape, std::size_t element_bytes) {
  isize product = static_cast<isize>(element_bytes);
  bool empty = false;
  for (const isize extent : shape) {
    if (extent < 0) return std::nullopt;
    if (extent == 0) {
      empty = true;
    } else {
      if (product > std::numeric_limits<isize>::max() / extent) return std::nullopt;
      product *= extent;
    }
  }
  return empty ? 0 : static_cast<std::size_t>(product);
}

/// The shape as text, e.g. [2, 196, 768].
inline std::string shape_text(std::span<const isize> shape) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    text.append(axis == 0 ? "" : ", ").append(std::to_string(shape[axis]));
  return text + "]";
}

struct half_bits {
  std::uint16_t bits;
};

inline float to_number(half_bits value) {
  const std::uint32_t sign = std::uint32_t{value.bits & 0x8000u} << 16;
  const std::uint32_t magnitude = value.bits & 0x7fffu;
  if (magnitude >= 0x7c00u)  // infinity and not-a-number
    return std::bit_cast<float>(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  if (magnitude >= 0x0400u)  // normal: the exponent's bias goes from 15 to 127
    return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
  const float subnormal = static_cast<float>(magnitude) * 0x1p-24f;
  return sign != 0 ? -subnormal : subnormal;
}

inline float to_number(bf16 value) { return value; }

template <storage_number T>
T to_number(T value) {
  return value;
}

/// Calls `action` with a value of the C++ type that represents the element type: `action(float{})` for f32.
template <class Action>
void with_storage_type(storage_type type, Action&& action) {
  switch (type) {
    case storage_type::boolean:
    case storage_type::u8:
      return action(std::uint8_t{});
    case storage_type::i8:
      return action(std::int8_t{});
    case storage_type::u16:
      return action(std::uint16_t{});
    case storage_type::i16:
      return action(std::int16_t{});
    case storage_type::u32:
      return action(std::uint32_t{});
    case storage_type::i32:
      return action(std::int32_t{});
    case storage_type::u64:
      return action(std::uint64_t{});
    case storage_type::i64:
      return action(std::int64_t{});
    case storage_type::f16:
      return action(half_bits{});
    case storage_type::bf16:
      return action(bf16{});
    case storage_type::f32:
      return action(float{});
    case storage_type::f64:
      return action(double{});
  }
}

}  // namespace detail
}  // namespace multifuse
