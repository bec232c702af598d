#include "../described/layers.hpp"

TEST_CASE("token embeddings: gradients, precision, determinism") { check::described<described::embedding_example>(); }
