#pragma once
#include <doctest/doctest.h>

#include <multifuse/ops/convolution.hpp>

#include "convolution_definition.hpp"

/// Convolutions whose windows a GPU reads where they are, wherever its kernels run.
namespace check::convolution {

using mf::bf16;
using mf::isize;
using mf::window_config;
using numbers = std::vector<double>;
using volumes = mf::shape<mf::batch<>, mf::frames<>, mf::rows<>, mf::columns<>, mf::channels<>>;
struct taps_axis { static constexpr std::string_view name = "taps"; };

template <class D, class S> mf::tensor<D, S> random_tensor(const S& dims, std::uint64_t seed) {
  std::vector<typename D::scalar> values(std::size_t(dims.size()));
  for (isize i = 0; i < dims.size(); ++i) values[std::size_t(i)] = typename D::scalar(float(mf::normal({seed, 1}, i)));
  return {dims, std::span<const typename D::scalar>(values)};
}
template <class X> numbers numbers_of(const X& x) {
  const auto values = x.to_host();
  return {values.begin(), values.end()};
}

inline void compare(const char* what, const numbers& found, const numbers& expected, double times, double tolerance) {
  REQUIRE(found.size() == expected.size());
  double worst = 0, scale = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    scale = std::max(scale, std::abs(times * expected[i]));
    const double off = std::abs(found[i] - times * expected[i]);
    worst = off <= worst ? worst : off;  // NaN wins
  }
  INFO(what << ": off by " << worst << " of " << scale);
  CHECK(worst <= tolerance * scale);
}

/// How many products of gathered operands a stand-in has made since the last call; what is expected for a GPU.
template <class D> int products_since(int expected) {
  if constexpr (requires { D::gathered_products; }) return std::exchange(D::gathered_products, 0);
  return expected;
}

/// Result and gradients of a convolution against its definition, and twice, which must give the same bits; on a stand-in
/// with threads in both orders. Gradients are written first, and added to then. An input that is not aligned is copied.
template <class D, isize In, isize Out, window_config C, isize Groups = 1>
void check_convolution(isize items, isize first, isize second = 1, isize third = 1) {
  using T = typename D::scalar;
  const mf::convolution_op<void, C, Groups> operation;
  constexpr std::size_t axes = C.axes(), place = 4 - axes;
  const volumes dims = axes == 3   ? volumes(items, first, second, third, In)
                       : axes == 2 ? volumes(1, items, first, second, In)
                                   : volumes(1, 1, items, first, In);
  auto extents = dims.extents();
  for (std::size_t i = 0; i < axes; ++i) extents[place + i] = C.places(i, dims[place + i]);
  extents[4] = Out;
  using weights = mf::shape<mf::outputs<Out>, mf::axis<taps_axis, C.taps()>, mf::inputs<In / Groups>>;
  const auto x = random_tensor<D>(dims, 1), dy = random_tensor<D>(volumes::from(extents), 4);
  const auto weight = random_tensor<D>(weights(), 2);
  const auto bias = random_tensor<D>(mf::shape<mf::outputs<Out>>(), 3);
  INFO("input " << dims.to_string() << ", " << Out << " outputs, " << Groups << " groups, " << sizeof(T) << " bytes");
  const isize in[3] = {first, second, third};
  const auto expected = convolution_by_definition(C, items, in, In, Groups, numbers_of(x), numbers_of(weight),
                                                  numbers_of(bias), numbers_of(dy));
  const double tolerance = std::is_same_v<T, bf16> ? 1e-2 : 1e-5;
  numbers before[3];
  (void)products_since<D>(0);
  for (const bool again : {false, true}) {
    if constexpr (requires { D::descending; }) D::descending = again;
    const mf::tensor<D, volumes> y(dy.dims());
    mf::gradient_slot<D> of_x, of_weight;
    const mf::gradient_sink<D, volumes> dx(&of_x, dims);
    const mf::gradient_sink<D, weights> dweight(&of_weight, weights());
    operation.forward(y, x, weight, bias);
    for (int i = 0; i < 2; ++i) operation.backward(dy, y, x, weight, dx, dweight);
    CHECK(products_since<D>(5) == 5);
    const numbers found[] = {numbers_of(y), numbers_of(dx.current()), numbers_of(dweight.current())};
    compare("result", found[0], expected.y, 1, tolerance);
    compare("gradient of the input", found[1], expected.dx, 2, tolerance);
    compare("gradient of the weight", found[2], expected.dweight, 2, tolerance);
    for (std::size_t i = 0; i < 3; ++i) {
      if (again) CHECK(found[i] == before[i]);
      before[i] = found[i];
    }
  }
  using samples = mf::shape<mf::samples<>>;
  const mf::tensor<D, samples> memory(samples(x.size() + 1));
  D::copy(memory.data() + 1, x.data(), x.size());
  const mf::tensor<D, volumes> y(dy.dims()), shifted(memory.owner(), memory.data() + 1, dims);
  operation.forward(y, shifted, weight, bias);
  CHECK(products_since<D>(0) == 0);
  compare("result of an input that is not aligned", numbers_of(y), expected.y, 1, tolerance);
}

}  // namespace check::convolution
