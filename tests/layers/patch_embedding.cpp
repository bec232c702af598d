#include "../described/layers.hpp"

namespace test_layers_patch_embedding {

namespace mf = multifuse;
using D = mf::cpu<float>;

TEST_CASE("patch and tubelet embeddings: gradients, precision, determinism") {
  check::described<described::patch_embedding_example>();
}

TEST_CASE("patches are taken row by row, tubelets time first") {
  const auto identity = [](auto& layer) {
    mf::initialize(layer, 1);
    auto* w = layer.weight.value().data();
    constexpr mf::isize n = std::remove_cvref_t<decltype(layer.weight)>::shape_type::static_extents[0];
    for (mf::isize i = 0; i < n * n; ++i) w[i] = i % (n + 1) == 0;
  };
  std::vector<float> numbers(24);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = float(i);

  mf::patch_embedding<D, mf::patch_size{1, 2, 3}, 1, 6> image;
  identity(image);
  const auto y = image(mf::tensor<D, mf::shape<mf::batch<1>, mf::rows<4>, mf::columns<6>, mf::channels<1>>>({}, numbers));
  static_assert(std::is_same_v<decltype(y)::shape_type, mf::shape<mf::batch<1>, mf::tokens<4>, mf::width<6>>>);
  CHECK(y.to_host() == std::vector<float>{0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11, 12, 13, 14, 18, 19, 20, 15, 16, 17, 21, 22, 23});

  mf::tubelet_embedding<D, mf::patch_size{2, 1, 3}, 1, 6> video;
  identity(video);
  const auto z = video(
      mf::tensor<D, mf::shape<mf::batch<1>, mf::frames<4>, mf::rows<1>, mf::columns<6>, mf::channels<1>>>({}, numbers));
  CHECK(z.to_host() == std::vector<float>{0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11, 12, 13, 14, 18, 19, 20, 15, 16, 17, 21, 22, 23});
}

TEST_CASE("an image that patches do not fill is refused") {
  mf::patch_embedding<D, mf::patch_size{1, 2, 2}, 1, 3> image;
  mf::initialize(image, 1);
  CHECK_THROWS_AS(image(mf::zeros<D>(mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<1>>(1, 5, 4))),
                  mf::shape_error);
}

}  // namespace test_layers_patch_embedding
