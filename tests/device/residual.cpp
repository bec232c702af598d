#include "../described/residual.hpp"
#include "parity.hpp"

namespace test_device_residual {

TEST_CASE("residual blocks and factorized convolutions on another device") {
  check::parity<described::residual_block_example>();
  check::parity<described::factorized_convolution_example>();
}

}  // namespace test_device_residual
