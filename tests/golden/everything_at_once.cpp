// goldens: everything_at_once
#include <golden/everything_at_once.hpp>

#include "everything_at_once_support.hpp"

TEST_CASE("tokens, embeddings of every combination, losses and gradients, an item without text, official names") {
  golden::file file(golden::everything_at_once::path);
  golden_eao::check<golden::everything_at_once::config>(file);
  file.require_all_used();
}
