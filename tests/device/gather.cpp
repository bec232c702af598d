#include "../described/gather.hpp"
#include "parity.hpp"

namespace test_device_gather {

TEST_CASE("gather, scatter and lookup on another device") {
  check::parity<described::gather_example>();
  check::parity<described::scatter_example>();
  check::parity<described::embedding_lookup_example>();
}

}  // namespace test_device_gather
