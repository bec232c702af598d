#include "../described/concat.hpp"
#include "parity.hpp"

TEST_CASE("joined values on another device") { check::parity<described::concat_example>(); }
