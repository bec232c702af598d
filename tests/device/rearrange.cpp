#include "../described/rearrange.hpp"
#include "parity.hpp"

namespace test_device_rearrange {

TEST_CASE("rearranged axes on another device") {
  check::parity<described::rearrange_example>();
  check::parity<described::expand_example>();
}

}  // namespace test_device_rearrange
