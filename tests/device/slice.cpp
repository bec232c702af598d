#include "../described/slice.hpp"
#include "parity.hpp"

namespace test_device_slice {

TEST_CASE("slices and cyclic moves on another device") {
  check::parity<described::slice_example>();
  check::parity<described::cyclic_example>();
}

}  // namespace test_device_slice
