#include <multifuse/io/storage_type.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace test_io_storage_type {

namespace mf = multifuse;

namespace {

float half(unsigned bits) { return mf::detail::to_number(mf::detail::half_bits{static_cast<std::uint16_t>(bits)}); }
float bfloat(unsigned bits) { return mf::detail::to_number(mf::bf16::from_bits(static_cast<std::uint16_t>(bits))); }

}  // namespace

TEST_CASE("every element type has its description") {
  for (std::size_t i = 0; i < mf::storage_types.size(); ++i) {
    const mf::storage_description& description = mf::storage_types[i];
    CHECK(static_cast<std::size_t>(description.type) == i);
    mf::detail::with_storage_type(description.type, [&](auto value) { CHECK(sizeof(value) == description.bytes); });
  }
  static_assert(mf::storage_type_of<float>() == mf::storage_type::f32);
  static_assert(mf::storage_type_of<double>() == mf::storage_type::f64);
  static_assert(mf::storage_type_of<mf::bf16>() == mf::storage_type::bf16);
  static_assert(mf::storage_type_of<bool>() == mf::storage_type::boolean);
  static_assert(mf::storage_type_of<unsigned char>() == mf::storage_type::u8);
  static_assert(mf::storage_type_of<short>() == mf::storage_type::i16);
  static_assert(mf::storage_type_of<long long>() == mf::storage_type::i64);
  static_assert(!mf::storage_number<bool> && !mf::storage_number<char> && !mf::storage_number<long double>);
}

TEST_CASE("half precision is decoded by the IEEE 754 formula, for every finite value") {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const int fraction = static_cast<int>(bits & 1023);
    if (exponent == 31) continue;
    const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    const float value = half(bits);
    REQUIRE(static_cast<double>(value) == (bits >> 15 != 0 ? -magnitude : magnitude));
    REQUIRE(std::signbit(value) == (bits >> 15 != 0));
  }
  CHECK(half(0x7c00) == INFINITY);
  CHECK(half(0xfc00) == -INFINITY);
  CHECK(std::isnan(half(0x7e00)));
  CHECK(std::isnan(half(0x7c01)));
}

TEST_CASE("bfloat16 is the upper half of a float") {
  CHECK(bfloat(0x3f80) == 1.0f);
  CHECK(bfloat(0xc049) == -3.140625f);
  CHECK(bfloat(0x0001) == std::ldexp(1.0f, -133));
  CHECK(bfloat(0xff80) == -INFINITY);
  CHECK(std::isnan(bfloat(0x7fc0)));
}

TEST_CASE("byte_count finds every overflow") {
  using shape = std::vector<mf::isize>;
  constexpr mf::isize huge = std::numeric_limits<mf::isize>::max();
  const auto count = [](const shape& extents, std::size_t bytes) { return mf::detail::byte_count(extents, bytes); };
  CHECK(count({}, 4) == 4);
  CHECK(count({2, 3}, 8) == 48);
  CHECK(count({2, 0, 3}, 8) == 0);
  CHECK(count({huge}, 1) == static_cast<std::size_t>(huge));
  CHECK(!count({huge}, 2));
  CHECK(!count({huge, huge}, 1));
  CHECK(!count({mf::isize{1} << 32, mf::isize{1} << 31}, 1));
  CHECK(!count({mf::isize{1} << 32, 0, mf::isize{1} << 31}, 1));
  CHECK(!count({0, huge, huge}, 1));
  CHECK(!count({-1}, 1));
  CHECK(!count({0, -1}, 1));
  CHECK(mf::detail::shape_text(shape{2, 196}) == "[2, 196]");
  CHECK(mf::detail::shape_text({}) == "[]");
}

}  // namespace test_io_storage_type
