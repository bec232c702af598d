#include "../described/fusion.hpp"
#include "parity.hpp"

namespace test_device_masked_streams {

TEST_CASE("streams with masks on another device") { check::parity<described::masked_streams_example>(); }

}  // namespace test_device_masked_streams
