#include "../described/matmul.hpp"

namespace test_ops_matmul {

namespace mf = multifuse;
using D = mf::cpu<double>;

TEST_CASE("matmul: gradients, precision, determinism") {
  check::described<described::matmul_example>();
  check::described<described::gram_matrix_example>();
}

TEST_CASE("matmul agrees with its definition, wherever the inner axis stands") {
  using batch = mf::batch<>;
  using rows = mf::rows<3>;
  using columns = mf::columns<5>;
  using width = mf::width<4>;
  check::source draw(4);
  const auto check_all = [](const auto& y, auto left, auto right) {
    static_assert(
        std::is_same_v<typename std::remove_cvref_t<decltype(y)>::shape_type, mf::shape<batch, rows, columns>>);
    for (int item = 0; item < 2; ++item)
      for (int row = 0; row < 3; ++row)
        for (int column = 0; column < 5; ++column) {
          double expected = 0;
          for (int i = 0; i < 4; ++i) expected += left(item, row, i) * right(item, i, column);
          CHECK(y.data()[(item * 3 + row) * 5 + column] == doctest::Approx(expected).epsilon(1e-13));
        }
  };
  const auto a = draw.normal<D>(mf::shape<batch, rows, width>(2));
  const auto at = draw.normal<D>(mf::shape<batch, width, rows>(2));
  const auto b = draw.normal<D>(mf::shape<batch, width, columns>(2));
  const auto bt = draw.normal<D>(mf::shape<batch, columns, width>(2));
  const auto one = draw.normal<D>(mf::shape<width, columns>{});
  const auto one_t = draw.normal<D>(mf::shape<columns, width>{});
  const auto of_a = [&](int n, int row, int i) { return a.data()[(n * 3 + row) * 4 + i]; };
  const auto of_at = [&](int n, int row, int i) { return at.data()[(n * 4 + i) * 3 + row]; };
  const auto of_b = [&](int n, int i, int column) { return b.data()[(n * 4 + i) * 5 + column]; };
  const auto of_bt = [&](int n, int i, int column) { return bt.data()[(n * 5 + column) * 4 + i]; };
  const auto of_one = [&](int, int i, int column) { return one.data()[i * 5 + column]; };
  const auto of_one_t = [&](int, int i, int column) { return one_t.data()[column * 4 + i]; };
  check_all(mf::matmul<mf::width_axis>(a, b), of_a, of_b);
  check_all(mf::matmul<mf::width_axis>(a, bt), of_a, of_bt);
  check_all(mf::matmul<mf::width_axis>(a, one), of_a, of_one);
  check_all(mf::matmul<mf::width_axis>(a, one_t), of_a, of_one_t);
  check_all(mf::matmul<mf::width_axis>(at, b), of_at, of_b);
  check_all(mf::matmul<mf::width_axis>(at, bt), of_at, of_bt);
  check_all(mf::matmul<mf::width_axis>(at, one), of_at, of_one);
  check_all(mf::matmul<mf::width_axis>(at, one_t), of_at, of_one_t);
}

TEST_CASE("matmul counts its operations from shapes") {
  constexpr double flops = [] {
    mf::operation_count count;
    const mf::tensor<mf::meta, mf::shape<mf::batch<2>, mf::rows<3>, mf::width<4>>> a({}, &count);
    const mf::tensor<mf::meta, mf::shape<mf::width<4>, mf::columns<5>>> b({}, &count);
    static_cast<void>(mf::matmul<mf::width_axis>(a, b));
    return count.forward_flops;
  }();
  static_assert(flops == 2 * 2 * 3 * 4 * 5);
}

template <class A, class B>
concept has_product = requires(const A& a, const B& b) {
  mf::matmul<mf::width_axis>(a, b);
};

TEST_CASE("matmul refuses what has no product") {
  using A = mf::shape<mf::batch<>, mf::rows<>, mf::width<>>;
  using B = mf::shape<mf::batch<>, mf::columns<>, mf::width<>>;
  const auto a = mf::zeros<D>(A(2, 3, 4));
  CHECK_THROWS_WITH_AS(mf::matmul<mf::width_axis>(a, mf::zeros<D>(B(2, 3, 5))),
                       "matmul: the matrices disagree on the width axis; expected 4; got 5", mf::shape_error);
  CHECK_THROWS_WITH_AS(mf::matmul<mf::width_axis>(a, mf::zeros<D>(B(1, 3, 4))),
                       "matmul: the matrices disagree on the batch axis; expected 2; got 1", mf::shape_error);
  static_assert(has_product<mf::tensor<D, A>, mf::tensor<D, B>>);
  static_assert(!has_product<mf::tensor<D, A>, mf::tensor<D, mf::shape<mf::width<>>>>);
  static_assert(!has_product<mf::tensor<D, A>, mf::tensor<D, mf::shape<mf::width<>, mf::batch<>, mf::columns<>>>>);
  static_assert(!has_product<mf::tensor<D, A>, mf::tensor<D, mf::shape<mf::rows<>, mf::columns<>>>>);
}

}  // namespace test_ops_matmul
