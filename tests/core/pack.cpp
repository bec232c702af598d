#include <doctest/doctest.h>

#include <memory>
#include <multifuse/core/pack.hpp>
#include <string>
#include <type_traits>

namespace test_core_pack {

namespace mf = multifuse;

TEST_CASE("a pack holds copies of its arguments, in order") {
  std::string text = "seven";
  const auto p = mf::make_pack(7, text, 7, 0.5);
  text = "changed";
  static_assert(std::is_same_v<decltype(p), const mf::pack<int, std::string, int, double>>);
  static_assert(p.size == 4);
  CHECK(mf::get<0>(p) == 7);
  CHECK(mf::get<1>(p) == "seven");
  CHECK(mf::get<2>(p) == 7);
  CHECK(mf::get<3>(p) == 0.5);
}

TEST_CASE("elements of equal types are different objects") {
  auto p = mf::make_pack(1, 1, 1);
  mf::get<1>(p) = 5;
  CHECK(mf::get<0>(p) == 1);
  CHECK(mf::get<1>(p) == 5);
  CHECK(mf::get<2>(p) == 1);
}

TEST_CASE("packs are constants, nest, can be empty and are as large as their elements") {
  constexpr auto outer = mf::make_pack(mf::make_pack(1, 2), mf::make_pack(3), mf::make_pack());
  static_assert(mf::get<1>(mf::get<0>(outer)) == 2);
  static_assert(mf::get<0>(mf::get<1>(outer)) == 3);
  static_assert(decltype(mf::make_pack())::size == 0);
  static_assert(sizeof(mf::pack<double, double, int>) == 3 * sizeof(double));
  static_assert(std::is_trivially_copyable_v<mf::pack<int, float, mf::pack<char>>>);  // kernels carry packs to a device
  CHECK(mf::get<0>(mf::get<0>(outer)) == 1);
}

TEST_CASE("a default-constructed pack of numbers is zero, and one of objects that only move can be filled") {
  constexpr mf::pack<int, double> zeros{};
  static_assert(mf::get<0>(zeros) == 0 && mf::get<1>(zeros) == 0);
  mf::pack<std::unique_ptr<int>, int> p{};
  mf::get<0>(p) = std::make_unique<int>(3);
  const auto moved = std::move(p);
  CHECK(*mf::get<0>(moved) == 3);
}

}  // namespace test_core_pack
