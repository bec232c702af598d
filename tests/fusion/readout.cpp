#include "../described/fusion.hpp"

namespace test_fusion_readout {

TEST_CASE("gates and readouts: gradients, precision, determinism") {
  check::described<described::gated_example>();
  check::described<described::late_example>();
  check::described<described::class_token_readout_example>();
  check::described<described::concatenated_readout_example>();
}

}  // namespace test_fusion_readout
