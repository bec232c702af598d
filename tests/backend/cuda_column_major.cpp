#include <doctest/doctest.h>

#include <multifuse/backend/cuda/column_major.hpp>
#include <random>
#include <vector>

namespace test_backend_cuda_column_major {

namespace mf = multifuse;
using mf::isize;
using mf::layout;
namespace detail = mf::detail;

namespace {

/// Element (row, column) of a matrix of the batch after its transposition, as a column-major library reads it.
double element(const double* data, const detail::column_major_matrix& x, isize batch, isize row, isize column) {
  if (x.transposed) std::swap(row, column);
  REQUIRE(row < x.rows);
  REQUIRE(column < x.columns);
  REQUIRE(x.rows <= x.leading);
  return data[batch * x.distance + column * x.leading + row];
}

/// The product as a column-major library computes it.
void column_major_multiply(const detail::column_major_product& p, const double* first, const double* second,
                           double* result) {
  const isize inner = p.first.transposed ? p.first.rows : p.first.columns;
  REQUIRE(inner == (p.second.transposed ? p.second.columns : p.second.rows));
  for (isize batch = 0; batch < p.batch; ++batch)
    for (isize row = 0; row < p.result.rows; ++row)
      for (isize column = 0; column < p.result.columns; ++column) {
        double total = 0;
        for (isize i = 0; i < inner; ++i)
          total += element(first, p.first, batch, row, i) * element(second, p.second, batch, i, column);
        result[batch * p.result.distance + column * p.result.leading + row] = total;
      }
}

std::vector<double> random_numbers(isize n) {
  static std::mt19937 engine(5);
  std::vector<double> x(static_cast<std::size_t>(n));
  for (double& v : x) v = double(engine() % 19) - 9;
  return x;
}

}  // namespace

TEST_CASE("a row-major product read column-major is the same product") {
  const isize batch = 2, m = 3, n = 4, k = 5;
  for (const layout a_order : {layout::plain, layout::transposed})
    for (const layout b_order : {layout::plain, layout::transposed})
      for (const isize padding : {0, 2})
        for (const bool common : {false, true}) {
          const bool at = a_order == layout::transposed, bt = b_order == layout::transposed;
          const isize a_stride = (at ? m : k) + padding, b_stride = (bt ? k : n) + padding, c_stride = n + padding;
          const isize a_size = a_stride * (at ? k : m), b_size = b_stride * (bt ? n : k), c_size = c_stride * m;
          const auto a = random_numbers(batch * a_size), b = random_numbers(batch * b_size);
          std::vector<double> c(std::size_t(batch * c_size), -1), expected = c;
          const mf::matrix<const double> left{a.data(), a_stride, common ? 0 : a_size, a_order};
          const mf::matrix<const double> right{b.data(), b_stride, b_size, b_order};
          for (isize i = 0; i < batch; ++i)
            for (isize row = 0; row < m; ++row)
              for (isize column = 0; column < n; ++column) {
                double total = 0;
                for (isize j = 0; j < k; ++j)
                  total += left.data[i * left.distance + (at ? j * a_stride + row : row * a_stride + j)] *
                           right.data[i * right.distance + (bt ? column * b_stride + j : j * b_stride + column)];
                expected[std::size_t(i * c_size + row * c_stride + column)] = total;
              }
          const auto product = detail::column_major<double>(batch, m, n, k, left, right, {c.data(), c_stride, c_size});
          column_major_multiply(product, right.data, left.data, c.data());
          CHECK(c == expected);
        }
}

TEST_CASE("a bias belongs to the rows of a linear layer's result, its gradient to the columns of the second matrix") {
  const isize rows = 3, outputs = 4, inputs = 5;
  const auto x = random_numbers(rows * inputs), weight = random_numbers(outputs * inputs),
             dy = random_numbers(rows * outputs);
  std::vector<double> y(std::size_t(rows * outputs)), dweight(weight.size());
  const auto layer =
      detail::column_major<double>(1, rows, outputs, inputs, {x.data(), inputs, 0},
                                   {weight.data(), inputs, 0, layout::transposed}, {y.data(), outputs, 0});
  CHECK(layer.result.rows == outputs);
  const auto gradient =
      detail::column_major<double>(1, outputs, inputs, rows, {dy.data(), outputs, 0, layout::transposed},
                                   {x.data(), inputs, 0}, {dweight.data(), inputs, 0});
  CHECK(gradient.result.columns == outputs);
  for (isize out = 0; out < outputs; ++out) {
    double sum = 0, expected = 0;
    for (isize row = 0; row < rows; ++row) {
      sum += element(dy.data(), gradient.second, 0, row, out);
      expected += dy[std::size_t(row * outputs + out)];
    }
    CHECK(sum == expected);
  }
}

TEST_CASE("a stride that no second row uses is replaced by a legal one") {
  const std::vector<float> x(20);
  std::vector<float> y(20);
  const auto p = detail::column_major<float>(1, 1, 4, 5, {x.data(), 0, 0}, {x.data(), 4, 0}, {y.data(), 0, 0});
  CHECK(p.second.leading == 5);
  CHECK(p.result.leading == 4);
}

TEST_CASE("products that would write or read one element as two are refused") {
  const std::vector<float> x(60);
  std::vector<float> y(60);
  const auto refused = [&](isize a_stride, isize c_distance, layout c_order) {
    CHECK_THROWS_AS(detail::column_major<float>(2, 3, 4, 5, {x.data(), a_stride, 0}, {x.data(), 4, 0},
                                                {y.data(), 4, c_distance, c_order}),
                    mf::argument_error);
  };
  refused(4, 12, layout::plain);  // rows of a are 5 long
  refused(5, 0, layout::plain);
  refused(5, 12, layout::transposed);
  CHECK_NOTHROW(detail::column_major<float>(2, 3, 4, 5, {x.data(), 5, 0}, {x.data(), 4, 0}, {y.data(), 4, 12}));
}

TEST_CASE("alignment is the largest power of two up to 16 that every matrix of the batch has") {
  alignas(32) static const char bytes[64] = {};
  CHECK(detail::alignment_of(bytes, 0) == 16);
  CHECK(detail::alignment_of(bytes + 4, 0) == 4);
  CHECK(detail::alignment_of(bytes + 8, 32) == 8);
  CHECK(detail::alignment_of(bytes + 24, 0) == 8);
  CHECK(detail::alignment_of(bytes + 48, 64) == 16);
  CHECK(detail::alignment_of(bytes, 60) == 4);
  CHECK(detail::alignment_of(nullptr, 0) == 16);
}

TEST_CASE("elements and results of different types have alignments of their own") {
  alignas(32) static const mf::bf16 x[64] = {};
  alignas(32) static float y[64] = {};
  const auto p = detail::column_major(2, 3, 4, 4, mf::matrix<const mf::bf16>{x, 4, 12},
                                      mf::matrix<const mf::bf16>{x + 1, 4, 16}, mf::matrix<float>{y, 4, 12});
  CHECK(p.second.alignment == 8);  // 24 bytes apart
  CHECK(p.first.alignment == 2);
  CHECK(p.result.alignment == 16);  // 48 bytes apart
}

TEST_CASE("plans are kept apart by all that the choice of an algorithm depends on") {
  alignas(32) static const float x[128] = {};
  alignas(32) static float y[128] = {};
  const auto make = [&](isize batch, isize m, isize n, isize k, isize offset, layout order, isize distance) {
    const isize a_stride = order == layout::plain ? k : m;
    return detail::column_major<float>(batch, m, n, k, {x + offset, a_stride, distance, order}, {x, n, 0}, {y, n, m * n});
  };
  const auto base = make(2, 3, 4, 5, 0, layout::plain, 16);
  const auto same = make(2, 3, 4, 5, 16, layout::plain, 16);
  CHECK(base == same);
  CHECK(detail::column_major_hash{}(base) == detail::column_major_hash{}(same));
  auto rounded = base, biased = base, relu = base, summed = base;
  rounded.rounded = true;
  biased.epilogue.adds_bias = true;
  relu.epilogue.applies = detail::product_epilogue::function::relu;
  summed.epilogue.sums_second = true;
  for (const auto& other :
       {make(3, 3, 4, 5, 0, layout::plain, 16), make(2, 2, 4, 5, 0, layout::plain, 16),
        make(2, 3, 3, 5, 0, layout::plain, 16), make(2, 3, 4, 6, 0, layout::plain, 16),
        make(2, 3, 4, 5, 1, layout::plain, 16), make(2, 3, 4, 5, 0, layout::transposed, 16),
        make(2, 3, 4, 5, 0, layout::plain, 0), rounded, biased, relu, summed}) {
    CHECK(!(other == base));
    CHECK(detail::column_major_hash{}(other) != detail::column_major_hash{}(base));
  }
}

}  // namespace test_backend_cuda_column_major
