#include "../described/lavish.hpp"

TEST_CASE("latent adapters: gradients, precision, determinism") {
  check::described<described::latent_adapter_example>();
  check::described<described::lone_adapter_example>();
}
