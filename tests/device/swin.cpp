#include "../described/swin.hpp"
#include "parity.hpp"

namespace test_device_swin {

TEST_CASE("Swin blocks on another device") {
  check::parity<described::swin_block_example>();
  check::parity<described::patch_merging_example>();
}

}  // namespace test_device_swin
