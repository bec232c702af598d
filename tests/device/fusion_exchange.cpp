#include "../described/fusion.hpp"
#include "parity.hpp"

namespace test_device_fusion_exchange {

TEST_CASE("stages on another device: cross-attention, bottlenecks, readouts") {
  check::parity<described::cross_attention_fusion_example>();
  check::parity<described::common_cross_attention_example>();
  check::parity<described::bottleneck_fusion_example>();
  check::parity<described::common_bottleneck_example>();
  check::parity<described::class_token_readout_example>();
  check::parity<described::concatenated_readout_example>();
}

}  // namespace test_device_fusion_exchange
