#include <multifuse/io/eigen.hpp>

#include <doctest/doctest.h>

#include "scratch_directory.hpp"

namespace test_io_eigen {

namespace mf = multifuse;
using dev = mf::cpu<float>;
using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

TEST_CASE("Eigen sees a tensor's own elements, rows before the last axis") {
  using S = mf::shape<mf::batch<>, mf::tokens<3>, mf::width<4>>;
  const mf::tensor<dev, S> x(S(2));
  for (int i = 0; i < 24; ++i) x.data()[i] = float(i);
  auto view = mf::eigen_view(x);
  CHECK(view.rows() == 6);
  CHECK(view.cols() == 4);
  CHECK(view.data() == x.data());
  CHECK(view(5, 1) == 21);
  CHECK(view.row(2).sum() == 8 + 9 + 10 + 11);
  view(0, 3) = -1;
  CHECK(x.data()[3] == -1);
  view.col(0).setZero();
  CHECK(x.data()[20] == 0);

  const mf::tensor<mf::cpu<double>, mf::shape<>> number = mf::zeros<mf::cpu<double>>(mf::shape<>());
  CHECK(mf::eigen_view(number).size() == 1);
  mf::tape tape;
  CHECK(mf::eigen_view(mf::record(tape, x)).data() == x.data());
  mf::parameter<dev, mf::outputs<2>, mf::inputs<3>> weight;
  CHECK(mentions(message_of<mf::argument_error>([&] { mf::eigen_view(weight); }), "has no values yet"));
  weight.bind(mf::zeros<dev>(mf::shape<mf::outputs<2>, mf::inputs<3>>()));
  CHECK(mf::eigen_view(weight).cols() == 3);
  CHECK(mentions(message_of<mf::argument_error>([&] { mf::eigen_view(mf::tensor<dev, S>()); }), "without elements"));
}

TEST_CASE("a tensor over an Eigen matrix, and what it may be used for") {
  row_major matrix(6, 4);
  for (int i = 0; i < 24; ++i) matrix.data()[i] = float(i);
  using S = mf::shape<mf::batch<>, mf::tokens<3>, mf::width<4>>;
  const auto x = mf::tensor_view(matrix, S(2));
  static_assert(std::is_same_v<std::remove_const_t<decltype(x)>, mf::tensor<dev, S>>);
  CHECK(x.data() == matrix.data());
  const auto copy = x;
  copy.data()[7] = 70;
  CHECK(matrix(1, 3) == 70);
  CHECK(x.clone().data() != matrix.data());
  CHECK(mf::eigen_view(x) == matrix);

  Eigen::VectorXd vector = Eigen::VectorXd::LinSpaced(5, 0, 4);
  CHECK(mf::tensor_view(vector, mf::shape<mf::width<5>>()).data()[4] == 4);
  Eigen::Array<float, 2, 2, Eigen::RowMajor> fixed;
  CHECK(mf::tensor_view(fixed, mf::shape<mf::rows<2>, mf::columns<2>>()).data() == fixed.data());
  CHECK(mentions(message_of<mf::shape_error>([&] { mf::tensor_view(matrix, S(3)); }), "expected 36; got 6 x 4"));
}

}  // namespace test_io_eigen
