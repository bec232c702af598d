#include "../described/dropout.hpp"
#include "parity.hpp"

TEST_CASE("dropout and stochastic depth on another device") {
  check::parity<described::dropout_example>();
  check::parity<described::drop_path_example>();
}
