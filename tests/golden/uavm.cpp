// goldens: uavm
#include <golden/uavm.hpp>

#include "uavm_support.hpp"

TEST_CASE("blocks, logits, losses and gradients") {
  golden::file file(golden::uavm::path);
  golden_uavm::check<golden::uavm::config, golden_uavm::uavm::upper_layers::shared>(file);
  file.require_all_used();
}
