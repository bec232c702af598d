#include "../described/layers.hpp"

TEST_CASE("cross-attention and masks: gradients, precision, determinism") {
  check::described<described::cross_attention_example>();
}
