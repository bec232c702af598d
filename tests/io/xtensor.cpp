#include <multifuse/io/xtensor.hpp>

#include <doctest/doctest.h>

#include <xtensor/xmath.hpp>

#include "scratch_directory.hpp"

namespace test_io_xtensor {

namespace mf = multifuse;
using dev = mf::cpu<float>;
using S = mf::shape<mf::batch<>, mf::tokens<3>, mf::width<4>>;

TEST_CASE("xtensor sees a tensor's own elements on as many axes") {
  const mf::tensor<dev, S> x(S(2));
  for (int i = 0; i < 24; ++i) x.data()[i] = float(i);
  auto view = mf::xtensor_view(x);
  CHECK(view.dimension() == 3);
  CHECK(view.shape()[1] == 3);
  CHECK(view.data() == x.data());
  CHECK(view(1, 2, 3) == 23);
  CHECK(xt::sum(view)() == 276);
  CHECK(xt::amax(view, {2})(0, 1) == 7);
  view(0, 1, 2) = -5;
  CHECK(x.data()[6] == -5);
  const auto number = mf::zeros<dev>(mf::shape<>());
  CHECK(mf::xtensor_view(number).size() == 1);
  mf::tape tape;
  CHECK(mf::xtensor_view(mf::record(tape, x)).data() == x.data());
  CHECK(mentions(message_of<mf::argument_error>([&] { mf::xtensor_view(mf::tensor<dev, S>()); }), "without elements"));
}

TEST_CASE("a tensor over an xtensor container") {
  xt::xtensor<float, 3> fixed({2, 3, 4});
  for (std::size_t i = 0; i < 24; ++i) fixed.storage()[i] = float(i);
  const auto x = mf::tensor_view(fixed, S(2));
  static_assert(std::is_same_v<std::remove_const_t<decltype(x)>, mf::tensor<dev, S>>);
  CHECK(x.data() == fixed.data());
  x.data()[5] = 50;
  CHECK(fixed(0, 1, 1) == 50);
  xt::xarray<double> any = xt::xarray<double>::from_shape({1, 3, 4});
  CHECK(mf::tensor_view(any, S(1)).data() == any.data());
  auto round = mf::xtensor_view(x);
  CHECK(mf::tensor_view(round, S(2)).data() == fixed.data());
}

TEST_CASE("containers of another shape or order are refused") {
  xt::xarray<float> two = xt::xarray<float>::from_shape({6, 4});
  CHECK(mentions(message_of<mf::shape_error>([&] { mf::tensor_view(two, S(2)); }),
                 "expected [batch 2, tokens 3, width 4], row-major; got extents 6 4"));
  xt::xtensor<float, 3> three({2, 4, 3});
  CHECK(mentions(message_of<mf::shape_error>([&] { mf::tensor_view(three, S(2)); }), "got extents 2 4 3"));
  xt::xtensor<float, 3, xt::layout_type::column_major> columns({2, 3, 4});
  CHECK(mentions(message_of<mf::shape_error>([&] { mf::tensor_view(columns, S(2)); }), "not row-major"));
}

}  // namespace test_io_xtensor
