#include "../described/self_supervised.hpp"
#include "parity.hpp"

namespace test_device_self_supervised {

TEST_CASE("views, decoders, heads and refinement on another device") {
  check::parity<described::attention_refinement_example>();
  check::parity<described::distillation_head_example>();
  check::parity<described::masked_decoder_example>();
  check::parity<described::view_embedding_example>();
}

}  // namespace test_device_self_supervised
