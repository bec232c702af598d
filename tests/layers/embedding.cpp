#include "../described/layers.hpp"

namespace test_layers_embedding {

TEST_CASE("token embeddings: gradients, precision, determinism") { check::described<described::embedding_example>(); }

}  // namespace test_layers_embedding
