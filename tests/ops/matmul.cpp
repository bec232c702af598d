#include "../described/matmul.hpp"

namespace mf = multifuse;
using D = mf::cpu<double>;

TEST_CASE("matmul: gradients, precision, determinism") {
  check::described<described::matmul_example>();
  check::described<described::gram_matrix_example>();
}

TEST_CASE("matmul agrees with its definition, wherever the inner axis stands") {
  check::source draw(4);
  const auto a = draw.normal<D>(mf::shape<mf::batch<>, mf::rows<3>, mf::width<4>>(2));
  const auto plain = draw.normal<D>(mf::shape<mf::batch<>, mf::width<4>, mf::columns<5>>(2));
  const auto transposed = draw.normal<D>(mf::shape<mf::batch<>, mf::columns<5>, mf::width<4>>(2));
  const auto shared = draw.normal<D>(mf::shape<mf::columns<5>, mf::width<4>>());
  const auto y = mf::matmul<mf::width_axis>(a, plain), z = mf::matmul<mf::width_axis>(a, transposed),
             s = mf::matmul<mf::width_axis>(a, shared);
  static_assert(
      std::is_same_v<decltype(y)::shape_type, mf::shape<mf::batch<>, mf::rows<3>, mf::columns<5>>>);
  static_assert(std::is_same_v<decltype(z)::shape_type, decltype(y)::shape_type>);
  static_assert(std::is_same_v<decltype(s)::shape_type, decltype(y)::shape_type>);
  for (int item = 0; item < 2; ++item)
    for (int row = 0; row < 3; ++row)
      for (int column = 0; column < 5; ++column) {
        double from_plain = 0, from_transposed = 0, from_shared = 0;
        for (int i = 0; i < 4; ++i) {
          const double left = a.data()[(item * 3 + row) * 4 + i];
          from_plain += left * plain.data()[(item * 4 + i) * 5 + column];
          from_transposed += left * transposed.data()[(item * 5 + column) * 4 + i];
          from_shared += left * shared.data()[column * 4 + i];
        }
        const int at = (item * 3 + row) * 5 + column;
        CHECK(y.data()[at] == doctest::Approx(from_plain).epsilon(1e-13));
        CHECK(z.data()[at] == doctest::Approx(from_transposed).epsilon(1e-13));
        CHECK(s.data()[at] == doctest::Approx(from_shared).epsilon(1e-13));
      }
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
concept has_product = requires(const A& a, const B& b) { mf::matmul<mf::width_axis>(a, b); };

TEST_CASE("matmul refuses what has no product") {
  using A = mf::shape<mf::batch<>, mf::rows<>, mf::width<>>;
  using B = mf::shape<mf::batch<>, mf::columns<>, mf::width<>>;
  const auto a = mf::zeros<D>(A(2, 3, 4));
  CHECK_THROWS_WITH_AS(mf::matmul<mf::width_axis>(a, mf::zeros<D>(B(2, 3, 5))),
                       "matmul: the factors disagree on the width axis; expected 4; got 5", mf::shape_error);
  CHECK_THROWS_WITH_AS(mf::matmul<mf::width_axis>(a, mf::zeros<D>(B(1, 3, 4))),
                       "matmul: the factors disagree on the batch axis; expected 2; got 1", mf::shape_error);
  static_assert(has_product<mf::tensor<D, A>, mf::tensor<D, B>>);
  static_assert(!has_product<mf::tensor<D, A>, mf::tensor<D, mf::shape<mf::width<>>>>);
  static_assert(!has_product<mf::tensor<D, A>, mf::tensor<D, mf::shape<mf::width<>, mf::batch<>, mf::columns<>>>>);
  static_assert(!has_product<mf::tensor<D, A>, mf::tensor<D, mf::shape<mf::rows<>, mf::columns<>>>>);
}
