// goldens: mbt_gap
#include <golden/mbt_gap.hpp>

#include "mbt_support.hpp"

TEST_CASE("outputs after every block, losses and gradients of all variants with pooled classifiers") {
  golden::file file(golden::mbt_gap::path);
  golden_mbt::check_variants<golden::mbt_gap::variants>(file);
  file.require_all_used();
}
