#include <doctest/doctest.h>

#include <limits>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/core/random.hpp>
#include <vector>

#include "../support/with_instructions.hpp"

namespace test_backend_cpu_multiply {

namespace mf = multifuse;
using mf::isize;

namespace {

template <class T> constexpr T not_a_number = std::numeric_limits<T>::quiet_NaN();

/// Batches of matrices [rows, columns], stored as their transposes or not, with room between rows and between matrices
/// that is full of NaN: who reads or writes it is found out.
template <class T> struct padded {
  isize rows, columns, stride, distance;
  mf::layout order;
  std::vector<T> elements;

  padded(std::uint64_t stream, isize batch, isize m, isize n, mf::layout layout, bool shared = false)
      : rows(m), columns(n), stride((layout == mf::layout::plain ? n : m) + 3), order(layout) {
    const isize size = (order == mf::layout::plain ? m : n) * stride + 5;
    distance = shared ? 0 : size;
    elements.assign(std::size_t(size * batch), not_a_number<T>);
    for (isize item = 0; item < batch; ++item)
      for (isize i = 0; i < m; ++i)
        for (isize j = 0; j < n; ++j) at(item, i, j) = T(mf::normal({2, stream}, (item * m + i) * n + j));
  }
  T& at(isize item, isize i, isize j) {
    const isize place = order == mf::layout::plain ? i * stride + j : j * stride + i;
    return elements[std::size_t(item * distance + place)];
  }
  mf::matrix<const T> view() const { return {elements.data(), stride, distance, order}; }
};

/// Elements within a tolerance; where NaN is expected, as between rows, nothing was written.
template <class T> void check_close(const std::vector<T>& got, const std::vector<T>& expected, double tolerance) {
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (expected[i] != expected[i]) {
      REQUIRE(got[i] != got[i]);
      continue;
    }
    const double off = std::abs(double(got[i]) - double(expected[i]));
    worst = off <= worst ? worst : off;
  }
  CHECK(worst <= tolerance);
}

template <class T>
void compare(isize batch, isize m, isize n, isize k, mf::layout left, mf::layout right, T alpha, T beta, bool shared,
             double tolerance) {
  padded<T> a(1, batch, m, k, left, shared), b(2, batch, k, n, right), c(3, batch, m, n, mf::layout::plain);
  auto expected = c;
  if (beta == T(0)) std::fill(c.elements.begin(), c.elements.end(), not_a_number<T>);
  for (isize item = 0; item < batch; ++item)
    for (isize i = 0; i < m; ++i)
      for (isize j = 0; j < n; ++j) {
        double total = 0;
        for (isize l = 0; l < k; ++l) total += double(a.at(item, i, l)) * double(b.at(item, l, j));
        T& target = expected.at(item, i, j);
        target = T(double(alpha) * total + (beta == T(0) ? 0.0 : double(beta) * double(target)));
      }
  check::with_all_instructions([&](const char* instructions) {
    auto result = c;
    mf::cpu<T>::multiply(batch, m, n, k, alpha, a.view(), b.view(), beta,
                         {result.elements.data(), c.stride, c.distance});
    INFO(instructions << ": " << batch << " x [" << m << ", " << k << "] [" << k << ", " << n << "], alpha " << alpha
                      << ", beta " << beta);
    check_close(result.elements, expected.elements, tolerance * std::sqrt(double(k)));
  });
}

}  // namespace

TEST_CASE("products of every layout against a naive loop") {
  for (const auto left : {mf::layout::plain, mf::layout::transposed})
    for (const auto right : {mf::layout::plain, mf::layout::transposed})
      for (const isize m : {1, 2, 5, 33})
        for (const isize n : {1, 3, 8, 40})
          for (const isize k : {1, 4, 19}) {
            compare<double>(2, m, n, k, left, right, 1, 0, false, 1e-13);
            compare<float>(2, m, n, k, left, right, 0.5f, 1, false, 1e-5);
          }
}

TEST_CASE("alpha, beta, and one matrix for the whole batch") {
  for (const double alpha : {1.0, 0.0, -2.5})
    for (const double beta : {0.0, 1.0, 0.25})
      for (const bool shared : {false, true})
        compare<double>(3, 4, 6, 5, mf::layout::plain, mf::layout::transposed, alpha, beta, shared, 1e-13);
}

TEST_CASE("few rows of a long inner axis, and rows whose distance is a multiple of a page") {
  for (const isize m : {1, 3, 4, 7, 13}) {
    compare<float>(1, m, 37, 411, mf::layout::plain, mf::layout::transposed, 1, 1, false, 2e-5);
    compare<double>(1, m, 9, 400, mf::layout::plain, mf::layout::transposed, -1, 0, false, 1e-12);
  }
  for (const isize m : {1, 4})
    for (const auto right : {mf::layout::plain, mf::layout::transposed})
      compare<float>(1, m, 205, 19, mf::layout::plain, right, -1, 0.5f, false, 1e-5);
  compare<float>(1, 20, 16, 1021, mf::layout::plain, mf::layout::plain, 1, 0, false, 2e-5);  // 3 are between rows
}

TEST_CASE("large products") {
  compare<float>(1, 130, 257, 300, mf::layout::plain, mf::layout::transposed, 1, 0, false, 2e-5);
  compare<float>(1, 75, 450, 530, mf::layout::plain, mf::layout::plain, 1, 0.5f, false, 2e-5);
  compare<float>(1, 330, 40, 1030, mf::layout::plain, mf::layout::transposed, 2, 1, false, 2e-5);
  compare<double>(1, 257, 130, 300, mf::layout::transposed, mf::layout::plain, 1, 1, false, 1e-12);
}

namespace {
struct bent {
  template <class T> static T value(T x) { return x < T(0) ? T(-0.5) * x : x; }
};
template <class T> void check_linear(isize rows, isize outputs, isize inputs) {
  using device = mf::cpu<T>;
  const auto numbers = [](std::uint64_t stream, isize count) {
    std::vector<T> x(static_cast<std::size_t>(count));
    for (isize i = 0; i < count; ++i) x[std::size_t(i)] = T(float(mf::normal({3, stream}, i)));
    return x;
  };
  const auto x = numbers(1, rows * inputs), weight = numbers(2, outputs * inputs), bias = numbers(3, outputs);
  std::vector<double> plain(std::size_t(rows * outputs)), expected = plain;
  for (isize i = 0; i < rows; ++i)
    for (isize j = 0; j < outputs; ++j) {
      double total = 0;
      for (isize l = 0; l < inputs; ++l)
        total += double(x[std::size_t(i * inputs + l)]) * double(weight[std::size_t(j * inputs + l)]);
      plain[std::size_t(i * outputs + j)] = total;
      expected[std::size_t(i * outputs + j)] = bent::value(total + double(bias[std::size_t(j)]));
    }
  const auto check_all = [&](const std::vector<T>& got, const std::vector<double>& wanted) {
    const double rounding = sizeof(T) == 2 ? 0x1p-8 : 0;  // once: half a unit in the last place
    double worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double off = std::abs(double(got[i]) - wanted[i]) - rounding * std::abs(wanted[i]);
      worst = off <= worst ? worst : off;
    }
    CHECK(worst <= 2e-5 * std::sqrt(double(inputs)));
  };
  check::with_all_instructions([&](const char* instructions) {
    INFO(instructions << ": " << rows << ", " << outputs << ", " << inputs);
    std::vector<T> packed(std::size_t(device::packed_size(outputs, inputs)), not_a_number<T>);
    if (!packed.empty()) device::pack(packed.data(), outputs, inputs, weight.data());
    for (const T* const ready : {static_cast<const T*>(nullptr), static_cast<const T*>(packed.data())}) {
      std::vector<T> y(plain.size(), not_a_number<T>);
      device::template linear<void>(rows, outputs, inputs, x.data(), weight.data(), ready, nullptr, y.data());
      check_all(y, plain);
      device::template linear<bent>(rows, outputs, inputs, x.data(), weight.data(), ready, bias.data(), y.data());
      check_all(y, expected);
    }
  });
}

}  // namespace

TEST_CASE_TEMPLATE("linear layers: bias and function, weights as they are and packed", T, float, mf::bf16) {
  for (const isize rows : {1, 4, 15, 40})
    for (const isize outputs : {1, 37, 200})
      for (const isize inputs : {5, 1100}) check_linear<T>(rows, outputs, inputs);
  check_linear<T>(260, 1540, 6);   // many tiles
  check_linear<T>(30, 40, 2048);   // rows at distances of a page
  check_linear<T>(250, 40, 1700);  // several blocks
}

TEST_CASE("NaN in the operands arrives in the rows that use it, and only there") {
  const std::vector<float> a{1, 2, not_a_number<float>, 4}, b{1, 0, 0, 1};
  std::vector<float> c(4);
  mf::cpu<float>::multiply(1, 2, 2, 2, 1, {a.data(), 2, 0}, {b.data(), 2, 0}, 0, {c.data(), 2, 0});
  CHECK(c[0] == 1);
  CHECK(c[1] == 2);
  CHECK(c[2] != c[2]);
  CHECK(c[3] != c[3]);
}

}  // namespace test_backend_cpu_multiply
