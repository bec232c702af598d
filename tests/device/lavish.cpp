#include "../described/lavish.hpp"
#include "parity.hpp"

TEST_CASE("adapters on another device") {
  check::parity<described::adapter_example>();
  check::parity<described::adapter_training_example>();
  check::parity<described::adapter_gate_first_example>();
  check::parity<described::adapter_linear_example>();
}
