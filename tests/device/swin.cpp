#include "../described/swin.hpp"
#include "parity.hpp"

TEST_CASE("Swin blocks on another device") {
  check::parity<described::swin_block_example>();
  check::parity<described::patch_merging_example>();
}
