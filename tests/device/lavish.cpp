#include "../described/lavish.hpp"
#include "parity.hpp"

namespace test_device_lavish {

TEST_CASE("adapters on another device") {
  check::parity<described::adapter_example>();
  check::parity<described::adapter_training_example>();
  check::parity<described::adapter_gate_first_example>();
  check::parity<described::adapter_linear_example>();
}

}  // namespace test_device_lavish
