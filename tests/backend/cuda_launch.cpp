#include <doctest/doctest.h>

#include <multifuse/backend/cuda/launch.hpp>
#include <vector>

namespace test_backend_cuda_launch {

namespace mf = multifuse;
using mf::isize;
namespace detail = mf::detail;

namespace {

/// Counts the visits of one element.
struct count_visits {
  int* visits;
  isize columns;
  void operator()(isize row, isize column) const { ++visits[row * columns + column]; }
};

/// Runs the loops of every thread of a grid, as the device would, and returns how often each element was visited.
std::vector<int> visits(const detail::launch_grid& grid, isize rows, isize columns) {
  std::vector<int> found(std::size_t(rows * columns), 0);
  const isize row_step = isize(grid.grid_y) * grid.block_y, column_step = isize(grid.grid_x) * grid.block_x;
  for (isize row = 0; row < row_step; ++row)
    for (isize column = 0; column < column_step; ++column)
      detail::visit_elements({row, column, row_step, column_step}, rows, columns, count_visits{found.data(), columns});
  return found;
}

bool each_once(const std::vector<int>& visits) {
  for (const int n : visits)
    if (n != 1) return false;
  return true;
}

unsigned threads_of(const detail::launch_grid& grid) { return grid.block_x * grid.block_y; }

}  // namespace

TEST_CASE("every element belongs to exactly one thread") {
  for (const isize rows : {1, 2, 7, 33, 300})
    for (const isize columns : {1, 2, 3, 31, 32, 33, 257, 768}) {
      INFO(rows << " x " << columns);
      CHECK(each_once(visits(detail::grid_for(rows, columns), rows, columns)));
    }
}

TEST_CASE("a grid smaller than the work is made up for by the loops") {
  CHECK(each_once(visits({4, 2, 3, 1}, 17, 29)));
  CHECK(each_once(visits({32, 1, 1, 1}, 5, 100)));
}

TEST_CASE("grids stay within what a device accepts") {
  const isize huge = isize(1) << 40;
  for (const isize rows : {isize(1), isize(300), huge})
    for (const isize columns : {isize(1), isize(300), huge}) {
      const auto grid = detail::grid_for(rows, columns);
      CHECK(threads_of(grid) >= 32);
      CHECK(threads_of(grid) <= 256);
      CHECK(grid.grid_x >= 1);
      CHECK(grid.grid_x <= 2147483647u);
      CHECK(grid.grid_y >= 1);
      CHECK(grid.grid_y <= 65535u);
      const auto sum = detail::grid_for_sum(rows, columns), rows_sum = detail::grid_for_row_sum(rows, columns);
      CHECK(threads_of(sum) <= 1024);
      CHECK(threads_of(rows_sum) <= 256);
      CHECK(threads_of(rows_sum) % 32 == 0);
      CHECK(sum.grid_x >= 1);
      CHECK(rows_sum.grid_x >= 1);
    }
}

TEST_CASE("narrow rows share a block, wide ones fill it, little work gets small blocks") {
  CHECK(detail::grid_for(1 << 20, 3) == detail::launch_grid{4, 64, 1, (1 << 20) / 64});
  CHECK(detail::grid_for(1000, 768) == detail::launch_grid{256, 1, 3, 1000});
  CHECK(detail::grid_for(1, 3152) == detail::launch_grid{32, 1, 99, 1});
  CHECK(detail::grid_for(3152, 1) == detail::launch_grid{1, 32, 1, 99});
}

TEST_CASE("the partial sums of a block add up to the whole sum") {
  for (const isize reduced : {1, 2, 5, 31, 32, 33, 255, 256, 257, 1000})
    for (const isize stride : {1, 3}) {
      std::vector<double> x(std::size_t(reduced * stride));
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = double(i % 11) - 3;
      double expected = 0;
      for (isize r = 0; r < reduced; ++r) expected += x[std::size_t(r * stride)];
      const auto grid = stride == 1 ? detail::grid_for_row_sum(1, reduced) : detail::grid_for_sum(stride, reduced);
      const isize lanes = stride == 1 ? grid.block_x : grid.block_y;
      CHECK((lanes & (lanes - 1)) == 0);  // halving reaches every lane
      double total = 0;
      for (isize lane = 0; lane < lanes; ++lane) total += detail::strided_sum(x.data(), reduced, stride, lane, lanes);
      CHECK(total == expected);
    }
}

TEST_CASE("few long sums are divided into parts that cover the axis, many sums and short ones are not") {
  CHECK(detail::parts_of_sum(1, 1 << 20, 1) == 256);
  CHECK(detail::parts_of_sum(768, 12552, 768) == 10);
  CHECK(detail::parts_of_sum(2000, 1 << 20, 1) == 1);
  CHECK(detail::parts_of_sum(1, 4096, 1) == 1);
  CHECK(detail::parts_of_sum(768, 400, 768) == 1);
  for (const isize inner : {1, 3, 768})
    for (const isize outer : {1, 5, 300})
      for (const isize reduced : {1, 1023, 1025, 16385, 100003}) {
        const isize parts = detail::parts_of_sum(outer * inner, reduced, inner);
        isize end = 0;
        bool whole = parts >= 1;
        for (isize p = 0; p < parts; ++p) {
          const auto part = detail::part_of_sum(reduced, parts, p);
          whole = whole && part.first == end && part.count > 0 && part.count <= detail::quotient_up(reduced, parts);
          end = part.first + part.count;
        }
        INFO(outer << " x " << reduced << " x " << inner << " in " << parts);
        CHECK(whole);
        CHECK(end == reduced);
      }
}

}  // namespace test_backend_cuda_launch
