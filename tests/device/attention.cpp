#include "../described/attention.hpp"
#include "parity.hpp"

namespace test_device_attention {

TEST_CASE("attention on another device") {
  check::parity<described::plain_attention_example>();
  check::parity<described::self_attention_example>();
  check::parity<described::biased_attention_example>();
  check::parity<described::bias_ranks_example>();
}

}  // namespace test_device_attention
