#include "../described/masking.hpp"
#include "parity.hpp"

TEST_CASE("masks, positions of views and normalized weights on another device") {
  check::parity<described::random_masking_example>();
  check::parity<described::grid_positions_example>();
  check::parity<described::weight_normalized_example>();
}
