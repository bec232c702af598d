#include "../described/lavish.hpp"
#include "parity.hpp"

namespace test_device_latent_adapters {

TEST_CASE("stages with latent adapters on another device") {
  check::parity<described::latent_adapter_example>();
  check::parity<described::lone_adapter_example>();
}

}  // namespace test_device_latent_adapters
