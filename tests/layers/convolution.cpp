#include <multifuse/layers/convolution.hpp>

#include "../support/check.hpp"

namespace test_layers_convolution {

namespace mf = multifuse;
using D = mf::cpu<float>;
using mf::window_config;

namespace {
template <class L> std::vector<std::string> names_of(L& layer) {
  std::vector<std::string> names;
  mf::for_each_named_member(layer, [&](std::string_view name, auto&) { names.emplace_back(name); });
  return names;
}
}  // namespace

TEST_CASE("parameters of a convolution: names, extents, starting values") {
  mf::convolution<D, 6, 4, window_config{.kernel = {3, 2}}, 2> layer;
  CHECK(names_of(layer) == std::vector<std::string>{"weight", "bias"});
  static_assert(decltype(layer.weight)::shape_type::static_extents == std::array<mf::isize, 3>{4, 6, 3});
  static_assert(decltype(layer.bias)::shape_type::static_extents == std::array<mf::isize, 1>{4});
  mf::initialize(layer, 1);
  const double bound = 1 / std::sqrt(6.0 * 3.0);  // one over the root of the inputs of an output
  double largest = 0;
  for (const float w : layer.weight.value().to_host()) largest = std::max(largest, double(std::abs(w)));
  CHECK(largest <= bound);
  CHECK(largest > 0.8 * bound);

  mf::convolution<D, 6, 4, window_config{.kernel = {3}}, 1, false> without;
  CHECK(names_of(without) == std::vector<std::string>{"weight"});
}

TEST_CASE("the shape of a convolution is static where its input's is") {
  mf::convolution<D, 2, 5, window_config{.kernel = {3, 3}, .stride = {2, 1}, .padding = {1, 0}}> layer;
  mf::initialize(layer, 1);
  using S = mf::shape<mf::batch<>, mf::frames<2>, mf::rows<7>, mf::columns<>, mf::channels<2>>;
  const auto y = layer(mf::zeros<D>(S(3, 6)));  // frames count as a batch: two axes have a kernel
  using R = mf::shape<mf::batch<>, mf::frames<2>, mf::rows<4>, mf::columns<>, mf::channels<5>>;
  static_assert(std::is_same_v<std::remove_cvref_t<decltype(y.dims())>, R>);
  CHECK(y.dims() == R(3, 4));
  const auto bias = layer.bias.value().to_host();
  const auto values = y.to_host();
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(values[i] == bias[i % 5]);
}

}  // namespace test_layers_convolution
