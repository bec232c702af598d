#include <multifuse/backend/cpu/eigenvectors.hpp>

#include <doctest/doctest.h>

#include <cmath>

namespace test_backend_eigenvectors {

namespace mf = multifuse;
using mf::isize;

TEST_CASE("a symmetric matrix is what its eigenvectors make of it; the lower half is read") {
  constexpr isize n = 4;
  const std::vector<double> lower{4, 9, 9, 9, 1, 3, 9, 9, -2, 0.5, -1, 9, 0, 2, 1, 6};
  const auto found = mf::eigenvectors::of(lower, n);
  for (isize k = 1; k < n; ++k) CHECK(found.values[std::size_t(k - 1)] >= found.values[std::size_t(k)]);
  for (isize i = 0; i < n; ++i)
    for (isize j = 0; j <= i; ++j) {
      double made = 0, product = 0;
      for (isize k = 0; k < n; ++k) {
        made += found.values[std::size_t(k)] * found.vectors[std::size_t(k * n + i)] * found.vectors[std::size_t(k * n + j)];
        product += found.vectors[std::size_t(i * n + k)] * found.vectors[std::size_t(j * n + k)];
      }
      CHECK(made == doctest::Approx(lower[std::size_t(i * n + j)]));
      CHECK(std::abs(product - (i == j)) < 1e-12);
    }
  for (isize k = 0; k < n; ++k) {
    double largest = 0;
    for (isize i = 0; i < n; ++i)
      if (const double x = found.vectors[std::size_t(k * n + i)]; std::abs(x) > std::abs(largest)) largest = x;
    CHECK(largest > 0);
  }
}

TEST_CASE("what has no eigenvectors is refused") {
  const std::vector<double> matrix{1, 0, 0, 1}, broken{1, 0, NAN, 1};
  CHECK_THROWS_AS(mf::eigenvectors::of(matrix, 3), mf::shape_error);
  CHECK_THROWS_AS(mf::eigenvectors::of({}, 0), mf::shape_error);
  CHECK_THROWS_AS(mf::eigenvectors::of(broken, 2), mf::argument_error);
}

}  // namespace test_backend_eigenvectors
