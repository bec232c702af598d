#include "../described/rearrange.hpp"
#include "parity.hpp"

TEST_CASE("rearranged axes on another device") {
  check::parity<described::rearrange_example>();
  check::parity<described::expand_example>();
}
