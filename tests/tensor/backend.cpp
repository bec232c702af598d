#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/linear.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/tape/members.hpp>

#include "../support/strict_device.hpp"

namespace test_tensor_backend {

namespace mf = multifuse;
using mf::isize;

namespace {

/// A backend of one's own: the primitives, without anything else.
template <class T> struct plain_loops {
  using scalar = T;
  using memory = mf::cpu_memory;
  template <class U> using with_scalar = plain_loops<U>;

  static void copy(T* to, const T* from, isize n) {
    for (isize i = 0; i < n; ++i) to[i] = from[i];
  }
  static void fill(T* to, isize n, T value) {
    for (isize i = 0; i < n; ++i) to[i] = value;
  }
  static void copy_from_host(T* to, const T* from, isize n) { copy(to, from, n); }
  static void copy_to_host(T* to, const T* from, isize n) { copy(to, from, n); }
  template <class Kernel> static void for_each(isize rows, isize columns, Kernel kernel) {
    for (isize column = 0; column < columns; ++column)
      for (isize row = 0; row < rows; ++row) kernel(row, column);
  }
  static void multiply(isize batch, isize m, isize n, isize k, T alpha, mf::matrix<const T> a, mf::matrix<const T> b,
                       T beta, mf::matrix<T> c) {
    const auto at = [](const auto& x, isize item, isize row, isize column) -> auto& {
      if (x.order == mf::layout::transposed) std::swap(row, column);
      return x.data[item * x.distance + row * x.stride + column];
    };
    for (isize item = 0; item < batch; ++item)
      for (isize i = 0; i < m; ++i)
        for (isize j = 0; j < n; ++j) {
          T total = 0;
          for (isize l = 0; l < k; ++l) total += at(a, item, i, l) * at(b, item, l, j);
          T& target = at(c, item, i, j);
          target = alpha * total + (beta == T(0) ? T(0) : beta * target);
        }
  }
  static void sum(isize outer, isize reduced, isize inner, const T* x, T beta, T* y) {
    for (isize o = 0; o < outer; ++o)
      for (isize i = 0; i < inner; ++i) {
        T total = 0;
        for (isize r = 0; r < reduced; ++r) total += x[(o * reduced + r) * inner + i];
        y[o * inner + i] = total + (beta == T(0) ? T(0) : beta * y[o * inner + i]);
      }
  }
};

/// One that lacks a primitive.
struct without_sum {
  using scalar = float;
  using memory = mf::cpu_memory;
  template <class U> using with_scalar = mf::cpu<U>;
  static void copy(float*, const float*, isize) {}
  static void fill(float*, isize, float) {}
  static void copy_from_host(float*, const float*, isize) {}
  static void copy_to_host(float*, const float*, isize) {}
  template <class Kernel> static void for_each(isize, isize, Kernel) {}
  static void multiply(isize, isize, isize, isize, float, mf::matrix<const float>, mf::matrix<const float>, float,
                       mf::matrix<float>) {}
};

static_assert(mf::backend<mf::cpu<float>> && mf::backend<mf::cpu<double>> && mf::backend<check::strict<float>>);
static_assert(mf::backend<plain_loops<float>>);
static_assert(!mf::backend<without_sum> && !mf::backend<float> && !mf::backend<mf::meta>);

struct layer;

template <class D> struct small_model {
  mf::parameter<D, mf::outputs<4>, mf::inputs<3>> weight{mf::init::normal(1)};
  mf::parameter<D, mf::outputs<4>> bias{mf::init::normal(1)};
  void members(auto&& visit) { visit("weight", weight), visit("bias", bias); }
  auto operator()(const auto& x) const { return mf::gelu(mf::apply(mf::linear_op<layer>{}, x, weight, bias)); }
};

/// Output and gradient of the weights, from the same numbers on any device.
template <class D> std::vector<float> train_once() {
  small_model<D> model;
  mf::initialize(model, 5);
  const std::vector<float> numbers{1, -2, 0.5f, 3, 0.25f, -1};
  mf::tape tape;
  const auto x = mf::record(tape, mf::tensor<D, mf::shape<mf::batch<>, mf::width<3>>>(
                                      mf::shape<mf::batch<>, mf::width<3>>(2), std::span<const float>(numbers)));
  const auto y = mf::evaluate(model(x));
  mf::backward(y, y.value());
  std::vector<float> results = y.value().to_host();
  const auto gradient = model.weight.gradient().to_host();
  results.insert(results.end(), gradient.begin(), gradient.end());
  return results;
}

}  // namespace

TEST_CASE("a backend of a user's own trains what the library's trains") {
  const auto expected = train_once<mf::cpu<float>>(), found = train_once<plain_loops<float>>();
  REQUIRE(found.size() == 8 + 12);
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-5));
}

}  // namespace test_tensor_backend
