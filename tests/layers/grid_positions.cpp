#include "../described/masking.hpp"

namespace test_layers_grid_positions {

namespace mf = multifuse;
using dev = mf::cpu<double>;

TEST_CASE("positions of a grid: gradients, precision, determinism") {
  check::described<described::grid_positions_example>();
}

TEST_CASE("the whole grid takes the table, views interpolate it") {
  mf::grid_positions<dev, mf::patch_size{1, 2, 4}, 1> places;
  mf::initialize(places, 1);
  for (int i = 0; i < 8; ++i) places.table.value().data()[i] = i;  // 4 row + column
  const auto at = [&](mf::patch_size view) {
    using like_shape = mf::shape<mf::tokens<>, mf::width<1>>;
    const mf::tensor<dev, like_shape> like{like_shape(view.elements())};
    return places.for_view(like, view).to_host();
  };
  CHECK(at({1, 2, 4}) == std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(at({1, 4, 2}) == std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7});  // as many tokens: as it is
  // rows at (i + 1/2) 2 / 1.1 - 1/2, columns at (i + 1/2) 4 / 2.1 - 1/2
  const double row = 1 / 1.1 - 0.5, first = 2 / 2.1 - 0.5, second = 6 / 2.1 - 0.5;
  const auto view = at({1, 1, 2});
  REQUIRE(view.size() == 2);
  CHECK(view[0] == doctest::Approx(4 * row + first));
  CHECK(view[1] == doctest::Approx(4 * row + second));
}

}  // namespace test_layers_grid_positions
