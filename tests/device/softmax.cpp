#include "../described/softmax.hpp"
#include "parity.hpp"

TEST_CASE("softmax on another device") {
  check::parity<described::softmax_example>();
}
