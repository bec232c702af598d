// goldens: uavm_noshared
#include <golden/uavm_noshared.hpp>

#include "uavm_support.hpp"

TEST_CASE("blocks, logits, losses and gradients") {
  golden::file file(golden::uavm_noshared::path);
  golden_uavm::check<golden::uavm_noshared::config, golden_uavm::uavm::upper_layers::shared>(file);
  file.require_all_used();
}
