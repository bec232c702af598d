#include "../described/fusion.hpp"

namespace test_fusion_bottleneck {

TEST_CASE("bottleneck fusion: gradients, precision, determinism") {
  check::described<described::bottleneck_fusion_example>();
  check::described<described::common_bottleneck_example>();
}

}  // namespace test_fusion_bottleneck
