#include "../described/fusion.hpp"
#include "parity.hpp"

TEST_CASE("streams with masks on another device") { check::parity<described::masked_streams_example>(); }
