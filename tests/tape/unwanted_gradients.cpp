// What nobody asks for costs no product: counted by a device that computes as the CPU does.
#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/linear.hpp>
#include <multifuse/ops/attention.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/ops/reduce.hpp>

namespace test_tape_unwanted_gradients {

namespace mf = multifuse;
using mf::isize;

namespace {

int products = 0;
/// The primitives of the CPU, but none of its faster kernels: all products are seen.
template <class T> struct counting : private mf::cpu<T> {
  using scalar = T;
  using memory = mf::cpu_memory;
  template <class U> using with_scalar = counting<U>;
  using mf::cpu<T>::copy, mf::cpu<T>::fill, mf::cpu<T>::copy_from_host, mf::cpu<T>::copy_to_host;
  using mf::cpu<T>::for_each, mf::cpu<T>::sum;
  static void multiply(isize batch, isize m, isize n, isize k, T alpha, mf::matrix<const T> a, mf::matrix<const T> b,
                       T beta, mf::matrix<T> c) {
    ++products;
    mf::cpu<T>::multiply(batch, m, n, k, alpha, a, b, beta, c);
  }
};
using dev = counting<float>;
using rows_of = mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>;

struct network {
  mf::linear<dev, 4, 4> first, second;
  void members(auto&& visit) { visit("first", first), visit("second", second); }
  auto operator()(const auto& x) const { return mf::mean(mf::square(second(mf::tanh(first(x))))); }
};

/// Products of the backward pass of a loss.
int in_backward(const auto& loss) {
  products = 0;
  if (loss.slot()) mf::backward(loss);
  return products;
}

}  // namespace

TEST_CASE("no products for frozen weights, for data, nor behind the last of what is trained") {
  network model;
  mf::initialize(model, 1);
  const auto x = mf::zeros<dev>(rows_of(2, 3));
  const auto products_with = [&](bool watched, bool first, bool second) {
    model.first.weight.set_trainable(first), model.first.bias.set_trainable(first);
    model.second.weight.set_trainable(second), model.second.bias.set_trainable(second);
    mf::tape tape;
    return in_backward(model(watched ? mf::watch(tape, x) : mf::record(tape, x)));
  };
  CHECK(products_with(true, true, true) == 4);
  CHECK(products_with(false, true, true) == 3);
  CHECK(products_with(true, false, false) == 2);
  CHECK(products_with(false, true, false) == 2);
  CHECK(products_with(false, false, true) == 1);
  CHECK(products_with(false, false, false) == 0);
}

TEST_CASE("attention computes the gradients of queries, keys and values only as far as they are asked for") {
  const auto x = mf::zeros<dev>(rows_of(1, 3));
  const auto products_with = [&](bool q, bool k, bool v) {
    mf::tape tape;
    const auto on_tape = [&](bool watched) { return watched ? mf::watch(tape, x) : mf::record(tape, x); };
    return in_backward(mf::mean(mf::square(mf::attention<2>(on_tape(q), on_tape(k), on_tape(v)))));
  };
  const int all = products_with(true, true, true);
  CHECK(products_with(true, true, false) == all - 1);
  CHECK(products_with(true, false, true) == all - 1);
  CHECK(products_with(false, true, true) == all - 1);
  CHECK(products_with(false, false, false) == 0);
}

}  // namespace test_tape_unwanted_gradients
