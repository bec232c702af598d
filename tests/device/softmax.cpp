#include "../described/softmax.hpp"
#include "parity.hpp"

namespace test_device_softmax {

TEST_CASE("softmax on another device") {
  check::parity<described::softmax_example>();
}

}  // namespace test_device_softmax
