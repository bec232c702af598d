#include "../described/modalities.hpp"
#include "parity.hpp"

namespace test_device_modalities {

TEST_CASE("raw samples of modalities on another device") { check::parity<described::modalities_example>(); }

}  // namespace test_device_modalities
