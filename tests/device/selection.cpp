#include "../described/selection.hpp"
#include "parity.hpp"

namespace test_device_selection {

TEST_CASE("selection and pooling of tokens on another device") {
  check::parity<described::largest_values_example>();
  check::parity<described::attention_probabilities_example>();
  check::parity<described::window_pooling_example>();
  check::parity<described::token_choice_example>();
}

}  // namespace test_device_selection
