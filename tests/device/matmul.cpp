#include "../described/matmul.hpp"
#include "parity.hpp"

namespace test_device_matmul {

TEST_CASE("matrix products on another device") {
  check::parity<described::matmul_example>();
  check::parity<described::gram_matrix_example>();
}

}  // namespace test_device_matmul
