#include <doctest/doctest.h>

#include <limits>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/core/random.hpp>
#include <vector>

namespace test_backend_cpu {

// A request that no machine can serve is refused by the library, also where a sanitizer would end the program first.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

namespace mf = multifuse;
using mf::isize;
using dev = mf::cpu<double>;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

std::vector<double> random_numbers(std::uint64_t stream, isize n) {
  std::vector<double> values;
  for (isize i = 0; i < n; ++i) values.push_back(mf::normal({1, stream}, i));
  return values;
}

struct count_calls {
  int* calls;
  isize columns;
  void operator()(isize row, isize column) const { ++calls[row * columns + column]; }
};

}  // namespace

TEST_CASE("memory is aligned to cache lines, writable to its end, and too much of it is refused") {
  for (const std::size_t bytes : {1u, 63u, 64u, 1000u, 1u << 20}) {
    void* const address = mf::cpu_memory::allocate(bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(address) % 64 == 0);
    std::memset(address, 0xAB, bytes);
    mf::cpu_memory::release(address);
  }
  try {
    mf::cpu_memory::release(mf::cpu_memory::allocate(std::size_t(1) << 60));
    FAIL("a machine with an exabyte of memory");
  } catch (const mf::device_error& problem) {
    CHECK(std::string(problem.what()) == "cpu memory: out of memory; expected 1152921504606846976 bytes; got none");
  }
}

TEST_CASE("copy and fill move exactly n elements") {
  const std::vector<double> from{1, 2, 3, 4};
  std::vector<double> to{9, 9, 9, 9};
  dev::copy(to.data(), from.data(), 3);
  CHECK(to == std::vector<double>{1, 2, 3, 9});
  dev::fill(to.data() + 1, 2, 7);
  CHECK(to == std::vector<double>{1, 7, 7, 9});
  dev::copy_from_host(to.data(), from.data(), 1);
  dev::copy_to_host(to.data() + 3, from.data() + 3, 1);
  CHECK(to == std::vector<double>{1, 7, 7, 4});
  dev::copy(nullptr, nullptr, 0);
  dev::fill(nullptr, 0, 1);
  CHECK(to[0] == 1);
}

TEST_CASE("for_each calls the kernel once for every pair") {
  for (const isize rows : {0, 1, 3})
    for (const isize columns : {0, 1, 17}) {
      std::vector<int> calls(std::size_t(rows * columns) + 1, 0);
      dev::for_each(rows, columns, count_calls{calls.data(), columns});
      for (isize i = 0; i < rows * columns; ++i) CHECK(calls[std::size_t(i)] == 1);
      CHECK(calls.back() == 0);
    }
}

TEST_CASE("sum over the middle axis, for every kind of extents, adding beta times what was there") {
  for (const isize outer : {1, 3})
    for (const isize reduced : {1, 2, 7, 8, 9, 16, 37, 4096, 4097, 9000})
      for (const isize inner : {1, 2, 5}) {
        const auto x = random_numbers(1, outer * reduced * inner);
        for (const double beta : {0.0, 1.0, -0.5}) {
          std::vector<double> y(std::size_t(outer * inner), beta == 0 ? not_a_number : 3.0);
          dev::sum(outer, reduced, inner, x.data(), beta, y.data());
          for (isize o = 0; o < outer; ++o)
            for (isize i = 0; i < inner; ++i) {
              double expected = beta == 0 ? 0 : 3 * beta;
              for (isize r = 0; r < reduced; ++r) expected += x[std::size_t((o * reduced + r) * inner + i)];
              CHECK(y[std::size_t(o * inner + i)] == doctest::Approx(expected).epsilon(1e-12));
            }
        }
      }
}

TEST_CASE("sum over nothing is zero, and a NaN is not lost") {
  double y = 5;
  dev::sum(1, 0, 1, nullptr, 0, &y);
  CHECK(y == 0);
  std::vector<double> x(20, 1.0);
  x[13] = not_a_number;
  dev::sum(1, 20, 1, x.data(), 0, &y);
  CHECK(y != y);
}

TEST_CASE("the sum of many float numbers keeps its precision") {
  const isize n = 1 << 22;
  const std::vector<float> x(std::size_t(n), 0.1f);
  float y = 0;
  mf::cpu<float>::sum(1, n, 1, x.data(), 0, &y);
  CHECK(std::abs(double(y) / (double(n) * double(0.1f)) - 1) < 2e-5);
}

}  // namespace test_backend_cpu
