// goldens: uavm_crossatt
#include <golden/uavm_crossatt.hpp>

#include "uavm_support.hpp"

TEST_CASE("blocks, logits, losses and gradients") {
  golden::file file(golden::uavm_crossatt::path);
  golden_uavm::check<golden::uavm_crossatt::config, golden_uavm::uavm::upper_layers::joint>(file);
  file.require_all_used();
}
