#include "../described/lavish.hpp"
#include "parity.hpp"

TEST_CASE("stages with latent adapters on another device") {
  check::parity<described::latent_adapter_example>();
  check::parity<described::lone_adapter_example>();
}
