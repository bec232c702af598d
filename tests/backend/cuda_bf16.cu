// The primitives in bf16 on a GPU against those on the CPU.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/backend/cuda/cuda.hpp>
#include <multifuse/core/random.hpp>
#include <multifuse/tensor/tensor.hpp>
#include <vector>

namespace {

namespace mf = multifuse;
using mf::bf16;
using mf::isize;
using mf::layout;
using device = mf::cuda<bf16>;
using numbers = mf::shape<mf::samples<>>;

template <class T> std::vector<T> drawn(std::uint64_t stream, isize n) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (isize i = 0; i < n; ++i) x[std::size_t(i)] = T(float(mf::normal({8, stream}, i)));
  return x;
}
template <class T> mf::tensor<mf::cuda<T>, numbers> on_device(const std::vector<T>& x) {
  return {numbers(isize(x.size())), std::span<const T>(x)};
}

template <class R> void check_close(const std::vector<R>& found, const std::vector<R>& expected, double tolerance) {
  double worst = 0, size = 1;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double off = std::abs(double(found[i]) - double(expected[i]));
    worst = off <= worst ? worst : off;  // NaN wins
    size = std::max(size, std::abs(double(expected[i])));
  }
  CHECK(worst <= tolerance * size);
}

/// A batch of products with results of type R, in all layouts.
template <class R> void check_products(isize m, isize n, isize k, double tolerance) {
  const isize batch = 3;
  const auto a = drawn<bf16>(1, batch * m * k), b = drawn<bf16>(2, batch * k * n);
  const auto device_a = on_device(a), device_b = on_device(b);
  for (const layout left : {layout::plain, layout::transposed})
    for (const layout right : {layout::plain, layout::transposed})
      for (const float beta : {0.0f, 1.0f}) {
        const isize a_stride = left == layout::plain ? k : m, b_stride = right == layout::plain ? n : k;
        auto expected = beta == 0 ? std::vector<R>(std::size_t(batch * m * n), R(NAN)) : drawn<R>(3, batch * m * n);
        const auto c = on_device(expected);
        device::multiply(batch, m, n, k, 0.5f, {device_a.data(), a_stride, m * k, left},
                         {device_b.data(), b_stride, k * n, right}, beta, {c.data(), n, m * n});
        mf::cpu<bf16>::multiply(batch, m, n, k, 0.5f, {a.data(), a_stride, m * k, left},
                                {b.data(), b_stride, k * n, right}, beta, {expected.data(), n, m * n});
        INFO("[" << m << ", " << k << "] [" << k << ", " << n << "], layouts " << int(left) << int(right) << ", beta " << beta);
        check_close(c.to_host(), expected, tolerance);
      }
}

template <class R> void check_sums(isize outer, isize reduced, isize inner, double tolerance) {
  const auto x = drawn<bf16>(4, outer * reduced * inner);
  const auto device_x = on_device(x);
  for (const float beta : {0.0f, 1.0f}) {
    auto expected = beta == 0 ? std::vector<R>(std::size_t(outer * inner), R(NAN)) : drawn<R>(5, outer * inner);
    const auto y = on_device(expected);
    device::sum(outer, reduced, inner, device_x.data(), beta, y.data());
    mf::cpu<bf16>::sum(outer, reduced, inner, x.data(), beta, expected.data());
    INFO(outer << " x " << reduced << " x " << inner << ", beta " << beta);
    check_close(y.to_host(), expected, tolerance);
  }
}

struct round_kernel {
  const float* from;
  bf16* to;
  MULTIFUSE_HD void operator()(isize, isize i) const { to[i] = from[i]; }
};

}  // namespace

TEST_CASE("products of bf16 on a GPU, of odd sizes, rounded once or not") {
  for (const auto& [m, n, k] : {std::array<isize, 3>{1, 1, 1}, {3, 5, 7}, {33, 17, 65}, {64, 48, 128}, {1, 70, 33}}) {
    check_products<bf16>(m, n, k, 0x1p-8);
    check_products<float>(m, n, k, 1e-5);
  }
}

TEST_CASE("sums of bf16 on a GPU are summed in float and rounded once or not") {
  for (const auto& [outer, reduced, inner] :
       {std::array<isize, 3>{1, 1, 9}, {5, 1000, 1}, {1, 2999, 3}, {2, 70, 64}, {1, 300000, 1}}) {
    check_sums<bf16>(outer, reduced, inner, 0x1p-8);
    check_sums<float>(outer, reduced, inner, 1e-5);
  }
}

TEST_CASE("a GPU rounds floats to bf16 as the host does") {
  std::vector<float> x;
  for (std::uint32_t upper = 0; upper < 0x10000; upper += 1 + upper % 5)
    for (const std::uint32_t lower : {0x0000u, 0x0001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      x.push_back(__builtin_bit_cast(float, upper << 16 | lower));
  const auto from = on_device(x);
  const auto to = on_device(std::vector<bf16>(x.size()));
  device::for_each(1, isize(x.size()), round_kernel{from.data(), to.data()});
  const auto found = to.to_host();
  isize different = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    different += std::isnan(x[i]) ? !std::isnan(float(found[i])) : found[i].bits != bf16(x[i]).bits;
  CHECK(different == 0);
}

TEST_CASE("filled and copied bf16 on a GPU") {
  for (const isize n : {1, 8, 1003, 4096}) {
    const mf::tensor<device, numbers> x{numbers(n)};
    device::fill(x.data(), n, bf16(1.5f));
    const auto copied = x.clone().to_host();
    CHECK(std::all_of(copied.begin(), copied.end(), [](bf16 each) { return each == 1.5f; }));
  }
}
