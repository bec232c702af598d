#include "../described/modalities.hpp"
#include "parity.hpp"

TEST_CASE("raw samples of modalities on another device") { check::parity<described::modalities_example>(); }
