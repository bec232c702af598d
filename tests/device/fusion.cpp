#include "../described/fusion.hpp"
#include "parity.hpp"

namespace test_device_fusion {

TEST_CASE("stages on another device: unimodal, shared, joint attention, gated, late") {
  check::parity<described::unimodal_example>();
  check::parity<described::shared_example>();
  check::parity<described::joint_attention_example>();
  check::parity<described::gated_example>();
  check::parity<described::late_example>();
}

}  // namespace test_device_fusion
