#include "../described/lavish.hpp"

namespace test_fusion_latent_adapter_gradients {

TEST_CASE("latent adapters: gradients, precision, determinism") {
  check::described<described::latent_adapter_example>();
  check::described<described::lone_adapter_example>();
}

}  // namespace test_fusion_latent_adapter_gradients
