// goldens: xkd_mats
#include <golden/xkd_mats.hpp>

#include "xkd_support.hpp"

TEST_CASE("students share their blocks, teachers theirs") {
  golden::file file(golden::xkd_mats::path);
  golden_xkd::check<golden::xkd_mats::config, golden::xkd_mats::fp64,
                    golden_xkd::xkd::sharing::students_and_teachers>(file);
  file.require_all_used();
}
