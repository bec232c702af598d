#include "../described/alignment_losses.hpp"
#include "parity.hpp"

namespace test_device_alignment_losses {

TEST_CASE("alignment and distillation losses on another device") {
  check::parity<described::mean_discrepancy_example>();
  check::parity<described::coral_example>();
  check::parity<described::centered_distillation_example>();
  check::parity<described::masked_reconstruction_example>();
}

}  // namespace test_device_alignment_losses
