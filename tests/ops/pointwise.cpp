#include "../described/pointwise.hpp"

namespace test_ops_pointwise {

TEST_CASE("pointwise expressions: gradients, precision, determinism") {
  check::described<described::pointwise_example>();
  check::described<described::positive_pointwise_example>();
}

TEST_CASE("linear: gradients, precision, determinism") { check::described<described::linear_example>(); }

}  // namespace test_ops_pointwise
