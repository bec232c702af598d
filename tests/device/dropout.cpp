#include "../described/dropout.hpp"
#include "parity.hpp"

namespace test_device_dropout {

TEST_CASE("dropout and stochastic depth on another device") {
  check::parity<described::dropout_example>();
  check::parity<described::drop_path_example>();
}

}  // namespace test_device_dropout
