#include "../described/reduce.hpp"

namespace test_ops_reduce {

namespace mf = multifuse;
using D = mf::cpu<double>;
using S = mf::shape<mf::batch<>, mf::tokens<3>, mf::width<2>>;

TEST_CASE("reductions: gradients, precision, determinism") { check::described<described::reduce_example>(); }

TEST_CASE("reductions along each axis") {
  const mf::tensor<D, S> x(S(2), std::vector<double>{1, 2, 3, 4, 5, 6, -1, 7, 0, 8, 1, -9});
  CHECK(mf::sum<mf::batch_axis>(x).to_host() == std::vector<double>{0, 9, 3, 12, 6, -3});
  CHECK(mf::sum<mf::tokens_axis>(x).to_host() == std::vector<double>{9, 12, 0, 6});
  CHECK(mf::sum<mf::width_axis>(x).to_host() == std::vector<double>{3, 7, 11, 6, 8, -8});
  CHECK(mf::sum<mf::batch_axis, mf::width_axis>(x).to_host() == std::vector<double>{9, 15, 3});
  CHECK(mf::sum(x).to_host() == std::vector<double>{27});
  CHECK(mf::mean(x).to_host()[0] == doctest::Approx(2.25));
  CHECK(mf::mean<mf::tokens_axis>(x).to_host() == std::vector<double>{3, 4, 0, 2});
  CHECK(mf::max<mf::tokens_axis>(x).to_host() == std::vector<double>{5, 6, 1, 8});
  CHECK(mf::min<mf::width_axis>(x).to_host() == std::vector<double>{1, 3, 5, -1, 0, -9});
  static_assert(std::is_same_v<decltype(mf::sum<mf::tokens_axis>(x))::shape_type, mf::shape<mf::batch<>, mf::width<2>>>);
}

TEST_CASE("of equal maxima the first gets the gradient") {
  mf::tape tape;
  const auto x = mf::watch(tape, mf::tensor<D, mf::shape<mf::width<3>>>({}, std::vector<double>{2, 5, 5}));
  mf::backward(mf::max<mf::width_axis>(x));
  CHECK(x.gradient().to_host() == std::vector<double>{0, 1, 0});
}

}  // namespace test_ops_reduce
