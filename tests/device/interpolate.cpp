#include "../described/interpolate.hpp"
#include "parity.hpp"

namespace test_device_interpolate {

TEST_CASE("interpolation on another device") {
  check::parity<described::interpolated_table_example>();
  check::parity<described::cornered_table_example>();
  check::parity<described::interpolated_image_example>();
  check::parity<described::cornered_image_example>();
  check::parity<described::cubic_image_example>();
}

}  // namespace test_device_interpolate
