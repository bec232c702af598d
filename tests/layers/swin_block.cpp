#include "../described/swin.hpp"

namespace test_layers_swin_block {

TEST_CASE("Swin V2 blocks and patch merging: gradients, precision, determinism") {
  check::described<described::swin_block_example>();
  check::described<described::patch_merging_example>();
}

}  // namespace test_layers_swin_block
