#include <multifuse/layers/view_embedding.hpp>

#include "../described/self_supervised.hpp"

namespace test_layers_view_embedding {

namespace mf = multifuse;

TEST_CASE("tokens of views: gradients, precision, determinism") {
  check::described<described::view_embedding_example>();
}

TEST_CASE("patches of views are the elements that their tokens see") {
  using dev = mf::cpu<double>;
  using embedding = mf::view_embedding<dev, mf::view_embedding_config{false, {1, 4, 4}, {1, 2, 2}, 1}, 3>;
  const std::vector<double> pixels{0, 1, 2, 3, 10, 11, 12, 13};
  using image = mf::shape<mf::batch<1>, mf::rows<2>, mf::columns<4>, mf::channels<1>>;
  const mf::tensor<dev, image> x({}, pixels);
  CHECK(embedding::patches(x).to_host() == std::vector<double>{0, 1, 10, 11, 2, 3, 12, 13});
  embedding tokens;
  mf::initialize(tokens, 1);
  const auto y = tokens.with_class_token(tokens(x));
  CHECK(y.dims()[1] == 3);
  for (int i = 0; i < 3; ++i)
    CHECK(y.data()[i] == tokens.first.vectors.value().data()[i] + tokens.first_position.table.value().data()[i]);
}

}  // namespace test_layers_view_embedding
