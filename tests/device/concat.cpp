#include "../described/concat.hpp"
#include "parity.hpp"

namespace test_device_concat {

TEST_CASE("joined values on another device") { check::parity<described::concat_example>(); }

}  // namespace test_device_concat
