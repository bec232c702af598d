#include "../described/losses.hpp"
#include "parity.hpp"

namespace test_device_losses {

TEST_CASE("losses on another device") {
  check::parity<described::cross_entropy_example>();
  check::parity<described::binary_cross_entropy_example>();
  check::parity<described::squared_error_example>();
  check::parity<described::contrastive_example>();
  check::parity<described::triplet_example>();
}

}  // namespace test_device_losses
