// goldens: uavm_allshared
#include <golden/uavm_allshared.hpp>

#include "uavm_support.hpp"

TEST_CASE("blocks, logits, losses and gradients") {
  golden::file file(golden::uavm_allshared::path);
  golden_uavm::check<golden::uavm_allshared::config, golden_uavm::uavm::upper_layers::shared>(file);
  file.require_all_used();
}
