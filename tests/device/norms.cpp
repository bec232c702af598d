#include "../described/norms.hpp"
#include "../described/normalize.hpp"
#include "parity.hpp"

namespace test_device_norms {

TEST_CASE("norms on another device") {
  check::parity<described::layer_norm_example>();
  check::parity<described::bare_layer_norm_example>();
  check::parity<described::batch_norm_training_example>();
  check::parity<described::batch_norm_evaluation_example>();
  check::parity<described::l2_normalize_example>();
}

}  // namespace test_device_norms
