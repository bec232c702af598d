#pragma once
#include <doctest/doctest.h>

#include <multifuse/ops/convolution.hpp>

#include "convolution_definition.hpp"
#include "emulated_blocks.hpp"

/// Convolutions whose windows are read where they are, by tiles of the CUDA backend: their blocks run on the host, thread
/// by thread.
namespace check::convolution {

using mf::bf16;
using mf::isize;
using mf::window_config;
using numbers = std::vector<double>;
using volumes =
    mf::shape<mf::batch<>, mf::frames<>, mf::rows<>, mf::columns<>, mf::channels<>>;
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

/// Result and gradients of a convolution against its definition, with threads in both orders, which must give the same
/// bits. Gradients are computed twice: they are written first, and added to then. An input that is not aligned is copied.
template <class T, isize In, isize Out, window_config C, isize Groups = 1>
void check_convolution(isize items, isize first, isize second = 1, isize third = 1) {
  using device = emulated_gpu<T>;
  using operation = mf::convolution_op<void, C, Groups>;
  const volumes dims = C.axes() == 3   ? volumes(items, first, second, third, In)
                       : C.axes() == 2 ? volumes(1, items, first, second, In)
                                       : volumes(1, 1, items, first, In);
  const auto x = random_tensor<device>(dims, 1);
  const auto weight =
      random_tensor<device>(mf::shape<mf::outputs<Out>, mf::axis<taps_axis, C.taps()>, mf::inputs<In / Groups>>(), 2);
  const auto bias = random_tensor<device>(mf::shape<mf::outputs<Out>>(), 3);
  auto extents = dims.extents();
  for (std::size_t i = 0; i < C.axes(); ++i) extents[4 - C.axes() + i] = C.places(i, dims[4 - C.axes() + i]);
  extents[4] = Out;
  const auto dy = random_tensor<device>(volumes::from(extents), 4);
  INFO("input " << dims.to_string() << ", " << Out << " outputs, " << Groups << " groups, " << sizeof(T) << " bytes");
  const isize in[3] = {first, C.axes() > 1 ? second : 1, C.axes() > 2 ? third : 1};
  const auto expected = convolution_by_definition(C, items, in, In, Groups, numbers_of(x), numbers_of(weight),
                                                         numbers_of(bias), numbers_of(dy));
  numbers before[3];
  for (const bool descending : {false, true}) {
    device::descending = descending;
    const mf::tensor<device, volumes> y(dy.dims());
    mf::gradient_slot<device> of_x, of_weight;
    const mf::gradient_sink<device, volumes> dx(&of_x, dims);
    const mf::gradient_sink<device, std::remove_cvref_t<decltype(weight.dims())>> dweight(&of_weight, weight.dims());
    device::gathered_products = 0;
    operation().forward(y, x, weight, bias);
    for (int i = 0; i < 2; ++i) operation().backward(dy, y, x, weight, dx, dweight);
    CHECK(device::gathered_products == 5);
    const numbers found[] = {numbers_of(y), numbers_of(dx.current()), numbers_of(dweight.current())};
    const double tolerance = std::is_same_v<T, bf16> ? 1e-2 : 1e-5;
    compare("result", found[0], expected.y, 1, tolerance);
    compare("gradient of the input", found[1], expected.dx, 2, tolerance);
    compare("gradient of the weight", found[2], expected.dweight, 2, tolerance);
    for (std::size_t i = 0; i < 3; ++i) {
      if (descending) CHECK(found[i] == before[i]);
      before[i] = found[i];
    }
  }
  const auto memory = mf::tensor<device, mf::shape<mf::samples<>>>(mf::shape<mf::samples<>>(x.size() + 1));
  device::copy(memory.data() + 1, x.data(), x.size());
  const mf::tensor<device, volumes> y(dy.dims()), shifted(memory.owner(), memory.data() + 1, dims);
  operation().forward(y, shifted, weight, bias);
  CHECK(device::gathered_products == 5);
  compare("result of an input that is not aligned", numbers_of(y), expected.y, 1, 1e-2);
}

/// How many multiprocessors the devices have: what is divided among blocks.
inline void use_processors(isize count) { emulated_gpu<float>::processors = emulated_gpu<bf16>::processors = count; }

}  // namespace check::convolution
