#include <doctest/doctest.h>

#include <cmath>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/core/random.hpp>
#include <vector>

#include "../support/with_instructions.hpp"

namespace test_backend_cpu_bf16 {

namespace mf = multifuse;
using mf::bf16;
using mf::isize;
using mf::layout;

namespace {

constexpr bf16 unset = std::numeric_limits<bf16>::quiet_NaN();

/// A matrix [rows, columns] among NaN, which nobody may read or write: an odd number of it between lines.
struct surrounded {
  isize rows, columns, stride;
  layout order;
  std::vector<bf16> elements;

  surrounded(std::uint64_t stream, isize m, isize n, layout of)
      : rows(m), columns(n), stride((of == layout::plain ? n : m) + 3), order(of) {
    elements.assign(std::size_t((of == layout::plain ? m : n) * stride), unset);
    for (isize i = 0; i < m; ++i)
      for (isize j = 0; j < n; ++j) elements[place(i, j)] = bf16(float(mf::normal({4, stream}, i * n + j)));
  }
  std::size_t place(isize i, isize j) const {
    return std::size_t(order == layout::plain ? i * stride + j : j * stride + i);
  }
  mf::matrix<const bf16> view() const { return {elements.data(), stride, 0, order}; }
};

/// Both kinds of result against sums in double, for every set of instructions.
void compare(isize m, isize n, isize k, layout left, layout right, float alpha, float beta) {
  const surrounded a(1, m, k, left), b(2, k, n, right), c(3, m, n, layout::plain);
  const std::vector<float> start(c.elements.begin(), c.elements.end());
  std::vector<double> expected(start.begin(), start.end());
  for (isize i = 0; i < m; ++i)
    for (isize j = 0; j < n; ++j) {
      double total = 0;
      for (isize l = 0; l < k; ++l) total += double(a.elements[a.place(i, l)]) * double(b.elements[b.place(l, j)]);
      double& to = expected[c.place(i, j)];
      to = double(alpha) * total + (beta == 0 ? 0.0 : double(beta) * to);
    }
  check::with_all_instructions([&](const char* instructions) {
    auto rounded = c.elements;
    auto exact = start;
    if (beta == 0) rounded.assign(rounded.size(), unset), exact.assign(exact.size(), unset);
    mf::cpu<bf16>::multiply(1, m, n, k, alpha, a.view(), b.view(), beta, {rounded.data(), c.stride, 0});
    mf::cpu<bf16>::multiply(1, m, n, k, alpha, a.view(), b.view(), beta, {exact.data(), c.stride, 0});
    double worst_exact = 0, worst_rounded = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (expected[i] != expected[i]) {
        REQUIRE(exact[i] != exact[i]);
        REQUIRE(float(rounded[i]) != float(rounded[i]));
        continue;
      }
      const double off = std::abs(double(exact[i]) - expected[i]) / std::sqrt(double(k));
      worst_exact = off <= worst_exact ? worst_exact : off;
      const double apart = std::abs(double(rounded[i]) - double(exact[i])) / (std::abs(double(exact[i])) + 1e-30);
      worst_rounded = apart <= worst_rounded ? worst_rounded : apart;
    }
    INFO(instructions << ": [" << m << ", " << k << "] [" << k << ", " << n << "], layouts " << int(left) << int(right)
                      << ", alpha " << alpha << ", beta " << beta);
    CHECK(worst_exact < 2e-5);
    CHECK(worst_rounded <= 0x1p-8);  // rounded once
  });
}

}  // namespace

TEST_CASE("bf16 products of every layout and odd sizes, summed in float and rounded once") {
  for (const auto left : {layout::plain, layout::transposed})
    for (const auto right : {layout::plain, layout::transposed}) {
      for (const isize m : {1, 14, 33})
        for (const isize n : {1, 16, 17, 70})
          for (const isize k : {1, 2, 31, 67}) compare(m, n, k, left, right, 0.5f, m == 14 ? 0.0f : 1.0f);
      compare(131, 263, 530, left, right, -1, 0.25f);  // blocks of what is made float
    }
}

TEST_CASE("few rows of a long inner axis are read where they are") {
  for (const isize m : {2, 3, 7})
    for (const isize n : {1, 15, 66}) compare(m, n, 147, layout::plain, layout::transposed, 0.5f, m == 7 ? 0.0f : 1.0f);
}

TEST_CASE("inner axes of several parts, and more rows than fit a block") {
  compare(15, 33, 8195, layout::plain, layout::transposed, 1, 1);
  compare(500, 5, 4096, layout::transposed, layout::plain, 1, 0);
}

TEST_CASE("a batch of bf16 products, and one matrix for all of it") {
  const std::vector<bf16> a{bf16(1.0f), bf16(2.0f), bf16(3.0f), bf16(4.0f)}, b{bf16(1.0f), bf16(-1.0f)};
  std::vector<bf16> c(2);
  mf::cpu<bf16>::multiply(2, 1, 1, 2, 1, {a.data(), 2, 2}, {b.data(), 1, 0}, 0, {c.data(), 1, 1});
  CHECK(c[0] == -1.0f);
  CHECK(c[1] == -1.0f);
}

TEST_CASE("sums of bf16 are summed in float and rounded once") {
  const isize many = 2999;  // with the 7 it rounds up, without down
  std::vector<bf16> x(std::size_t(many * 3), bf16(1.0f)), y(3, bf16(7.0f));
  mf::cpu<bf16>::sum(1, many, 3, x.data(), 1, y.data());
  CHECK(y[1] == 3008.0f);
  mf::cpu<bf16>::sum(1, many * 3, 1, x.data(), 0, y.data());
  CHECK(y[0] == float(bf16(8997.0f)));
}

TEST_CASE("any number of threads computes the same bits in bf16") {
  const surrounded a(1, 300, 700, layout::plain), b(2, 700, 290, layout::transposed);
  const isize threads = mf::threads_in_use();
  check::with_all_instructions([&](const char*) {
    std::vector<std::vector<bf16>> results;
    for (const isize n : {1, 3}) {
      mf::use_threads(n);
      std::vector<bf16> c(300 * 290);
      mf::cpu<bf16>::multiply(1, 300, 290, 700, 1, a.view(), b.view(), 0, {c.data(), 290, 0});
      results.push_back(c);
    }
    CHECK(results[0] == results[1]);
  });
  mf::use_threads(threads);
}

}  // namespace test_backend_cpu_bf16
