#include <doctest/doctest.h>

#include <multifuse/core/types.hpp>
#include <type_traits>

namespace test_core_types {

namespace mf = multifuse;

TEST_CASE("sizes are signed, and no extent of an axis is taken for `dynamic`") {
  static_assert(std::is_signed_v<mf::isize> && sizeof(mf::isize) >= 8);
  static_assert(mf::dynamic < 0);
  MULTIFUSE_HD constexpr mf::isize most = mf::isize(1) << 56;
  CHECK(most > 0);
}

}  // namespace test_core_types
