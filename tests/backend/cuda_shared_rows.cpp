// Row kernels of the CUDA backend, a warp for each row, on a stand-in for a block of a GPU.
#include <doctest/doctest.h>

#include <multifuse/backend/cuda/shared_rows.hpp>
#include <multifuse/ops/layer_norm.hpp>
#include <multifuse/ops/normalize.hpp>
#include <multifuse/ops/softmax.hpp>

#include "support/emulated_blocks.hpp"

namespace test_backend_cuda_shared_rows {

namespace mf = multifuse;
using mf::isize;

namespace {

using numbers = std::vector<float>;

numbers random_numbers(isize count, std::uint64_t seed) {
  numbers x(static_cast<std::size_t>(count));
  for (isize i = 0; i < count; ++i) x[std::size_t(i)] = float(mf::normal({seed, 1}, i));
  return x;
}

/// `make(results...)` is a kernel that writes to these, which begin as ones; a warp for each row must write what one
/// thread does.
template <class Make> void check_rows(const char* what, isize rows, isize width, const Make& make) {
  const auto elements = std::size_t(rows * width);
  for (const bool descending : {false, true}) {
    numbers y(elements, 1), first(std::size_t(rows), 1), second(std::size_t(rows), 1);
    numbers expected = y, expected_first = first, expected_second = second;
    const auto alone = make(expected.data(), expected_first.data(), expected_second.data());
    for (isize row = 0; row < rows; ++row) alone(row, 0);
    const auto kernel = make(y.data(), first.data(), second.data());
    static_assert(mf::detail::shares_rows<std::remove_cvref_t<decltype(kernel)>>);
    const mf::detail::shared_rows_kernel<std::remove_cvref_t<decltype(kernel)>> shared(rows, kernel);
    check::emulated_block::run(shared.blocks, shared, descending);
    INFO(what << ", " << rows << " rows of " << width);
    for (std::size_t i = 0; i < elements; ++i) CHECK(y[i] == doctest::Approx(expected[i]).epsilon(1e-5).scale(1));
    for (std::size_t i = 0; i < std::size_t(rows); ++i) {
      CHECK(first[i] == doctest::Approx(expected_first[i]).epsilon(1e-5).scale(1));
      CHECK(second[i] == doctest::Approx(expected_second[i]).epsilon(1e-5).scale(1));
    }
  }
}

}  // namespace

TEST_CASE("a warp computes a row as one thread does") {
  using namespace mf::detail;
  for (const isize rows : {1, 9})
    for (const isize width : {1, 5, 31, 32, 33, 100}) {
      const isize n = rows * width;
      const numbers x = random_numbers(n, 1), dy = random_numbers(n, 2), scale = random_numbers(width, 3),
                    bias = random_numbers(width, 4), mean = random_numbers(rows, 5);
      numbers positive = random_numbers(rows, 6);
      for (float& one : positive) one = one * one + 0.1f;
      const layer_norm_weights<float, 2> weights{{scale.data(), bias.data()}};
      check_rows("layer norm", rows, width, [&](float* y, float* m, float* r) {
        return layer_norm_forward_kernel<float, 2>{x.data(), weights, y, m, r, width, 1e-5f};
      });
      check_rows("softmax", rows, width,
                 [&](float* y, float*, float*) { return softmax_kernel<float, false>{x.data(), y, width}; });
      check_rows("logarithm of softmax", rows, width,
                 [&](float* y, float*, float*) { return softmax_kernel<float, true>{x.data(), y, width}; });
      check_rows("normalization", rows, width, [&](float* y, float* norms, float*) {
        return normalize_kernel<float>{x.data(), y, norms, width, 1e-6f};
      });
      for (const bool adds : {false, true}) {
        check_rows("gradient of layer norm", rows, width, [&](float* dx, float*, float*) {
          return layer_norm_input_kernel<float, 2>{dy.data(),   x.data(), weights, mean.data(), positive.data(), dx,
                                                   width, adds};
        });
        check_rows("gradient of softmax", rows, width, [&](float* dx, float*, float*) {
          return softmax_gradient_kernel<float, false>{dy.data(), x.data(), dx, width, adds};
        });
        check_rows("gradient of normalization", rows, width, [&](float* dx, float*, float*) {
          return normalize_gradient_kernel<float>{dy.data(), x.data(), positive.data(), dx, width, 0.2f, adds};
        });
      }
    }
}

TEST_CASE("an infinite or undefined first element of a row is its largest, for a warp as for one thread") {
  for (const float odd : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    numbers x = random_numbers(70, 1), y(70), expected(70);
    x[0] = odd;
    const mf::detail::softmax_kernel<float, false> alone{x.data(), expected.data(), 70}, kernel{x.data(), y.data(), 70};
    alone(0, 0);
    const mf::detail::shared_rows_kernel<mf::detail::softmax_kernel<float, false>> shared(1, kernel);
    check::emulated_block::run(1, shared, false);
    for (std::size_t i = 0; i < 70; ++i) CHECK(std::isnan(y[i]) == std::isnan(expected[i]));
  }
}

}  // namespace test_backend_cuda_shared_rows
