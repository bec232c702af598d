#include "../described/pointwise.hpp"

TEST_CASE("pointwise expressions: gradients, precision, determinism") {
  check::described<described::pointwise_example>();
  check::described<described::positive_pointwise_example>();
}

TEST_CASE("linear: gradients, precision, determinism") { check::described<described::linear_example>(); }
