// goldens: xkd
#include <golden/xkd.hpp>

#include "xkd_support.hpp"

TEST_CASE("autoencoders, teachers, losses, gradients, moving averages") {
  golden::file file(golden::xkd::path);
  golden_xkd::check<golden::xkd::config, golden::xkd::fp64, golden_xkd::xkd::sharing::none>(file);
  file.require_all_used();
}
