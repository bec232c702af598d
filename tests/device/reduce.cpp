#include "../described/reduce.hpp"
#include "parity.hpp"

namespace test_device_reduce {

TEST_CASE("reductions on another device") {
  check::parity<described::reduce_example>();
}

}  // namespace test_device_reduce
