#include <multifuse/layers/sine_positions.hpp>

#include "../support/check.hpp"

namespace test_layers_sine_positions {

namespace mf = multifuse;

namespace {
constexpr mf::sine_layout layout{{mf::grid_axis::frames, 2}, {mf::grid_axis::columns, 4}, {mf::grid_axis::rows, 4}};

template <class D> struct example {
  static constexpr std::string_view name = "sine positions";
  mf::sine_positions<D, layout> positions;
  void members(auto&&) {}
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<12>, mf::width<10>>(2)));
  }
  constexpr auto operator()(const auto& x) const {
    const auto y = positions(x, mf::patch_size{2, 3, 2});
    return y * y;
  }
};
}  // namespace

TEST_CASE("sine positions: gradients, precision, determinism") { check::described<example>(); }

TEST_CASE("every run of channels tells the place on its axis, sines before cosines") {
  using dev = mf::cpu<double>;
  const auto x = mf::zeros<dev>(mf::shape<mf::batch<1>, mf::tokens<12>, mf::width<10>>{});
  const auto y = mf::sine_positions<dev, layout>{}(x, {2, 3, 2}).to_host();
  for (int token = 0; token < 12; ++token) {
    const double column = token % 2, row = token / 2 % 3, frame = token / 6;
    const double expected[] = {std::sin(frame),  std::cos(frame),        std::sin(column), std::sin(column / 100),
                               std::cos(column), std::cos(column / 100), std::sin(row),    std::sin(row / 100),
                               std::cos(row),    std::cos(row / 100)};
    for (int channel = 0; channel < 10; ++channel)
      CHECK(y[std::size_t(token * 10 + channel)] == doctest::Approx(expected[channel]));
  }
}

TEST_CASE("tokens that do not fill the grid are refused") {
  using dev = mf::cpu<double>;
  const auto x = mf::zeros<dev>(mf::shape<mf::batch<1>, mf::tokens<12>, mf::width<10>>{});
  CHECK_THROWS_AS((mf::sine_positions<dev, layout>{}(x, {1, 3, 2})), mf::shape_error);
}

}  // namespace test_layers_sine_positions
