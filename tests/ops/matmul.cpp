#include "../described/matmul.hpp"

namespace mf = multifuse;
using D = mf::cpu<double>;

TEST_CASE("matmul: gradients, precision, determinism") { check::described<described::matmul_example>(); }

TEST_CASE("matmul of numbers") {
  const mf::tensor<D, mf::shape<mf::tokens<2>, mf::width<2>>> a({}, std::vector<double>{1, 2, 3, 4});
  const mf::tensor<D, mf::shape<mf::width<2>, mf::keys<2>>> b({}, std::vector<double>{5, 6, 7, 8});
  CHECK(mf::matmul<mf::width_axis>(a, b).to_host() == std::vector<double>{19, 22, 43, 50});
  const auto wrong = mf::zeros<D>(mf::shape<mf::width<>, mf::keys<2>>(3));
  CHECK_THROWS_WITH_AS(mf::matmul<mf::width_axis>(a, wrong),
                       "matmul: matrices disagree on the width axis; expected 2; got 3", mf::shape_error);
}
