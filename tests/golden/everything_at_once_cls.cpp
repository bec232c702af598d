// goldens: everything_at_once_cls
#include <golden/everything_at_once_cls.hpp>

#include "everything_at_once_support.hpp"

TEST_CASE("class token, one projection and learned positions: tokens, embeddings, losses and gradients") {
  golden::file file(golden::everything_at_once_cls::path);
  golden_eao::check<golden::everything_at_once_cls::config>(file);
  file.require_all_used();
}
