// goldens: uavm_independent
#include <golden/uavm_independent.hpp>

#include "uavm_support.hpp"

TEST_CASE("blocks, logits, losses and gradients") {
  golden::file file(golden::uavm_independent::path);
  golden_uavm::check<golden::uavm_independent::config, golden_uavm::uavm::upper_layers::independent>(file);
  file.require_all_used();
}
