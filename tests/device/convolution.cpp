#include "../described/convolution.hpp"
#include "parity.hpp"

TEST_CASE("convolution and pooling on another device") {
  check::parity<described::convolution_example>();
  check::parity<described::pooling_example>();
}
