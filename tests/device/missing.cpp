#include "../described/missing.hpp"
#include "parity.hpp"

namespace test_device_missing {

TEST_CASE("streams that items lack, and their losses, on another device") {
  check::parity<described::gated_linear_example>();
  check::parity<described::sequence_network_example>();
  check::parity<described::missing_token_example>();
  check::parity<described::similarity_ranking_example>();
  check::parity<described::combinatorial_example>();
}

}  // namespace test_device_missing
