// Kernels that a GPU calls for vectors of elements compute the same as for single ones.
#include <doctest/doctest.h>

#include <cstring>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/backend/cuda/launch.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/tape/evaluate.hpp>
#include <multifuse/tensor/finish_linear.hpp>
#include <vector>

namespace test_backend_cuda_vectors {

namespace mf = multifuse;
using mf::isize;
namespace detail = mf::detail;

namespace {

bool vectors_allowed = true;
int launches_of_vectors = 0;

/// Runs kernels as the CUDA backend does, one call after the other, by vectors only if that is allowed.
template <class T> struct one_by_one : mf::cpu<T> {
  template <class U> using with_scalar = one_by_one<U>;
  template <class Kernel> static void for_each(isize rows, isize columns, const Kernel& kernel) {
    if constexpr (requires { Kernel::at_once; })
      if (vectors_allowed && detail::computes_vectors(columns, kernel)) {
        ++launches_of_vectors;
        return visit(rows, columns / Kernel::at_once, detail::vector_kernel<Kernel>{kernel});
      }
    visit(rows, columns, kernel);
  }

 private:
  template <class Kernel> static void visit(isize rows, isize columns, const Kernel& kernel) {
    detail::visit_elements({0, 0, 1, 1}, rows, columns, kernel);
  }
};

using table = mf::shape<mf::batch<>, mf::tokens<>, mf::width<>>;
using row = mf::shape<mf::width<>>;
using column = mf::shape<mf::batch<>, mf::tokens<>>;

template <class D, class S> mf::tensor<D, S> numbers(const S& shape, std::uint64_t stream) {
  std::vector<typename D::scalar> values(std::size_t(shape.size()));
  for (isize i = 0; i < shape.size(); ++i)
    values[std::size_t(i)] = typename D::scalar(float(mf::normal({3, stream}, i)));
  return {shape, std::span<const typename D::scalar>(values)};
}

/// The same tensor behind memory that begins one element later.
template <class D, class S> mf::tensor<D, S> shifted(const mf::tensor<D, S>& x) {
  const auto wider = mf::tensor<D, mf::shape<mf::samples<>>>(mf::shape<mf::samples<>>(x.size() + 1));
  D::copy(wider.data() + 1, x.data(), x.size());
  return {wider.owner(), wider.data() + 1, x.dims()};
}

/// An expression with operands of all kinds, one of them twice, its value and gradients; launches of vectors are counted.
template <class T> std::vector<T> computed(isize width, bool vectors, bool shift) {
  using D = one_by_one<T>;
  vectors_allowed = vectors;
  const auto first = numbers<D>(table(2, 3, width), 1);
  mf::tape tape;
  const auto x = mf::watch(tape, shift ? shifted(first) : first), y = mf::watch(tape, numbers<D>(table(2, 3, width), 2));
  const auto bias = mf::watch(tape, numbers<D>(row(width), 3));
  const auto scale = mf::watch(tape, numbers<D>(column(2, 3), 4));
  const auto plain = numbers<D>(table(2, 3, width), 5);
  launches_of_vectors = 0;
  const auto z = mf::evaluate(mf::gelu(x * 2 + bias) * y * scale + x * plain);
  mf::seed_gradient(z, plain);
  tape.run_backward();
  std::vector<T> all;
  const auto add = [&](const auto& one) {
    const auto values = one.to_host();
    all.insert(all.end(), values.begin(), values.end());
  };
  add(z.value()), add(x.gradient()), add(y.gradient()), add(bias.gradient()), add(scale.gradient());
  return all;
}

template <class T> bool equal_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <class T> void check_expressions() {
  for (const isize width : {8, 24, 64}) {
    const auto expected = computed<T>(width, false, false);
    CHECK(launches_of_vectors == 0);
    CHECK(equal_bits(computed<T>(width, true, false), expected));
    CHECK(launches_of_vectors == 2);  // forward and backward
    CHECK(equal_bits(computed<T>(width, true, true), expected));
    CHECK(launches_of_vectors == 0);  // what is not aligned is read element by element
  }
  (void)computed<T>(9, true, false);
  CHECK(launches_of_vectors == 0);
}

}  // namespace

TEST_CASE("expressions and their gradients by vectors are those by elements, bit by bit") {
  check_expressions<float>();
  check_expressions<mf::bf16>();
}

TEST_CASE("bias and function of a linear layer by vectors are those by elements") {
  using D = one_by_one<mf::bf16>;
  using kernel = detail::finish_linear_kernel<mf::bf16, mf::functions::gelu>;
  const auto x = numbers<D>(column(5, 16), 1);
  const auto bias = numbers<D>(row(16), 2);
  for (const mf::bf16* added : {static_cast<const mf::bf16*>(bias.data()), static_cast<const mf::bf16*>(nullptr)}) {
    const auto one = x.clone(), other = x.clone();
    vectors_allowed = true;
    launches_of_vectors = 0;
    D::for_each(5, 16, kernel{one.data(), added, 16});
    CHECK(launches_of_vectors == 1);
    vectors_allowed = false;
    D::for_each(5, 16, kernel{other.data(), added, 16});
    CHECK(equal_bits(one.to_host(), other.to_host()));
    CHECK(!equal_bits(one.to_host(), x.to_host()));
  }
}

}  // namespace test_backend_cuda_vectors
