#include "../described/convolution.hpp"
#include "parity.hpp"

namespace test_device_convolution {

TEST_CASE("convolution and pooling on another device") {
  check::parity<described::convolution_example>();
  check::parity<described::pooling_example>();
}

}  // namespace test_device_convolution
