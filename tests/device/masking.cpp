#include "../described/masking.hpp"
#include "parity.hpp"

namespace test_device_masking {

TEST_CASE("masks, positions of views and normalized weights on another device") {
  check::parity<described::random_masking_example>();
  check::parity<described::grid_positions_example>();
  check::parity<described::weight_normalized_example>();
}

}  // namespace test_device_masking
