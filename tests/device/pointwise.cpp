#include "../described/pointwise.hpp"
#include "parity.hpp"

namespace test_device_pointwise {

TEST_CASE("pointwise expressions and linear layers on another device") {
  check::parity<described::pointwise_example>();
  check::parity<described::positive_pointwise_example>();
  check::parity<described::linear_example>();
}

}  // namespace test_device_pointwise
