#include "../described/layers.hpp"
#include "parity.hpp"

namespace test_device_layers {

TEST_CASE("transformer blocks, cross-attention and embeddings on another device") {
  check::parity<described::pre_norm_block_example>();
  check::parity<described::post_norm_block_example>();
  check::parity<described::cross_attention_example>();
  check::parity<described::embedding_example>();
  check::parity<described::patch_embedding_example>();
}

}  // namespace test_device_layers
