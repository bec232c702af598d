#include "../described/reduce.hpp"
#include "parity.hpp"

TEST_CASE("reductions on another device") {
  check::parity<described::reduce_example>();
}
