#include "../described/layers.hpp"

namespace test_layers_attention {

TEST_CASE("cross-attention and masks: gradients, precision, determinism") {
  check::described<described::cross_attention_example>();
}

}  // namespace test_layers_attention
