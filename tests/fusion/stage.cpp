#include "../described/fusion.hpp"

namespace test_fusion_stage {

TEST_CASE("strategies without exchange: gradients, precision, determinism") {
  check::described<described::unimodal_example>();
  check::described<described::shared_example>();
}
TEST_CASE("joint attention: gradients, precision, determinism") { check::described<described::joint_attention_example>(); }

}  // namespace test_fusion_stage
