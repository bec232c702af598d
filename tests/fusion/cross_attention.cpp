#include "../described/fusion.hpp"

namespace test_fusion_cross_attention {

TEST_CASE("cross-attention fusion: gradients, precision, determinism") {
  check::described<described::cross_attention_fusion_example>();
  check::described<described::common_cross_attention_example>();
}

}  // namespace test_fusion_cross_attention
