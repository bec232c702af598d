#include "../described/pointwise.hpp"
#include "parity.hpp"

TEST_CASE("pointwise expressions and linear layers on another device") {
  check::parity<described::pointwise_example>();
  check::parity<described::positive_pointwise_example>();
  check::parity<described::linear_example>();
}
