#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/ops/reduce.hpp>
#include <type_traits>

namespace test_tape_variable {

namespace mf = multifuse;

namespace {

using dev = mf::cpu<double>;
using row = mf::shape<mf::width<3>>;
using tensor = mf::tensor<dev, row>;
using variable = mf::variable<dev, row>;
using numbers = std::vector<double>;

tensor of(double a, double b, double c) { return {row{}, numbers{a, b, c}}; }

template <class E, class Action> std::string refusal(Action action) {
  try {
    action();
  } catch (const E& problem) {
    return problem.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a variable is a handle to a tensor on a tape") {
  mf::tape tape;
  const tensor x = of(1, 2, 3);
  const auto v = mf::record(tape, x);
  static_assert(std::is_same_v<decltype(v), const variable> && mf::is_variable<variable> && !mf::is_variable<tensor>);
  static_assert(mf::value<variable>);
  CHECK(v.value().data() == x.data());
  CHECK(&v.recorder() == &tape);
  CHECK(v.size() == 3);
  CHECK(!v.sink());
  CHECK(bool(mf::watch(tape, x).sink()));
}

TEST_CASE("gradients accumulate over all uses of a variable") {
  mf::tape tape;
  const auto x = mf::watch(tape, of(1, 2, 3));
  const auto y = mf::evaluate(x * x);         // twice in one expression
  const auto z = mf::evaluate(y + 10.0 * x);  // and in another
  mf::backward(mf::sum(z + x));               // and in a third
  CHECK(x.gradient().to_host() == numbers{13, 15, 17});
}

TEST_CASE("two losses of one pass add up, and a cotangent weighs") {
  mf::tape tape;
  const auto x = mf::watch(tape, of(1, 2, 3));
  const auto y = mf::evaluate(x * 2.0), z = mf::evaluate(mf::square(x));
  mf::seed_gradient(y, of(1, 0, 1));
  mf::seed_gradient(z, of(0, 1, 0));
  mf::seed_gradient(z, of(0, 1, 0));  // added to the first
  tape.run_backward();
  CHECK(x.gradient().to_host() == numbers{2, 8, 2});
}

TEST_CASE("detach stops the gradient and stays on the tape") {
  mf::tape tape;
  const auto x = mf::watch(tape, of(1, 2, 3));
  const auto y = mf::evaluate(mf::detach(x) * x);
  static_assert(std::is_same_v<decltype(mf::detach(x)), variable>);
  mf::backward(mf::sum(y));
  CHECK(x.gradient().to_host() == numbers{1, 2, 3});  // of one factor only
  const tensor t = of(1, 1, 1);
  CHECK(mf::detach(t).data() == t.data());
}

TEST_CASE("no_grad leaves the tape: the types of inference carry no variable") {
  mf::tape tape;
  const auto x = mf::watch(tape, of(1, 2, 3));
  static_assert(std::is_same_v<decltype(mf::no_grad(x)), tensor>);
  static_assert(std::is_same_v<decltype(mf::evaluate(mf::no_grad(x) * 2.0)), tensor>);
  static_assert(std::is_same_v<decltype(mf::evaluate(x * 2.0)), variable>);
  static_assert(std::is_same_v<decltype(mf::evaluate(mf::no_grad(x) * x)), variable>);
  CHECK(mf::no_grad(x).data() == x.value().data());
  CHECK(mf::no_grad(x.value()).data() == x.value().data());
}

TEST_CASE("nothing is recorded when nobody wants a gradient") {
  mf::tape tape;
  const auto x = mf::record(tape, of(1, 2, 3));
  auto& pool = mf::memory_pool<mf::cpu_memory>::instance();
  const mf::isize before = pool.statistics().in_use;
  {
    const auto y = mf::evaluate(mf::exp(x));
    const auto z = mf::sum(mf::square(y));
    CHECK(!z.sink());
    CHECK(refusal<mf::argument_error>([&] { mf::backward(z); }) ==
          "seed_gradient: the variable does not depend on anything with a gradient");
  }
  CHECK(pool.statistics().in_use == before);  // no step holds what it would have read
}

TEST_CASE("memory is released early: after a step's backward, not after the pass") {
  auto& pool = mf::memory_pool<mf::cpu_memory>::instance();
  mf::tape tape;
  using large = mf::shape<mf::samples<10000>>;
  const auto x = mf::watch(tape, mf::zeros<dev>(large{}));
  const mf::isize before = pool.statistics().in_use;
  constexpr mf::isize bytes = 10000 * 8;
  {
    auto y = mf::evaluate(mf::exp(x));
    for (int i = 0; i < 9; ++i) y = mf::evaluate(mf::exp(y));
    CHECK(pool.statistics().in_use - before >= 10 * bytes);
    pool.reset_peak();
    mf::backward(mf::sum(y));
  }
  // at most the ten results, and the gradients of one step's output and input
  CHECK(pool.statistics().peak - before < 14 * bytes * 5 / 4);
  CHECK(pool.statistics().in_use - before < 2 * bytes);  // what is left is the gradient of x
  tape.clear();
  CHECK(pool.statistics().in_use <= before);
}

TEST_CASE("gradients that are not there, losses that are not numbers, cotangents of another shape") {
  mf::tape tape;
  const auto x = mf::watch(tape, of(1, 2, 3)), unused = mf::watch(tape, of(1, 2, 3));
  const auto y = mf::evaluate(x * 2.0);
  const std::string none = "variable::gradient: no gradient arrived here; expected a watched input of the loss";
  CHECK(refusal<mf::argument_error>([&] { (void)x.gradient(); }) == none);
  CHECK(refusal<mf::argument_error>([&] { (void)mf::record(tape, x.value()).gradient(); }) == none);
  CHECK(refusal<mf::shape_error>([&] { mf::backward(y); }) ==
        "backward: the loss is not a single number; expected 1 element; got [width 3]");
  using free_row = mf::shape<mf::width<>>;
  const auto free = mf::evaluate(mf::watch(tape, mf::zeros<dev>(free_row(3))) * 2.0);
  CHECK(refusal<mf::shape_error>([&] { mf::backward(free, mf::zeros<dev>(free_row(4))); }) ==
        "seed_gradient: wrong shape; expected [width 3]; got [width 4]");
  mf::backward(y, of(1, 1, 1));
  CHECK(refusal<mf::argument_error>([&] { (void)unused.gradient(); }) == none);
  CHECK(refusal<mf::argument_error>([&] { (void)y.gradient(); }) == none);  // an intermediate result
  CHECK(x.gradient().to_host() == numbers{2, 2, 2});
}

TEST_CASE("operands on different tapes are refused") {
  mf::tape one, other;
  const auto x = mf::watch(one, of(1, 2, 3)), y = mf::watch(other, of(1, 2, 3));
  const std::string text = "tape: operands are on different tapes; expected variables of one tape; got two";
  CHECK(refusal<mf::argument_error>([&] { mf::evaluate(x + y); }) == text);
  CHECK(refusal<mf::argument_error>([&] { mf::evaluate(mf::exp(x * 2.0) * (1.0 + mf::exp(y))); }) == text);
}

}  // namespace test_tape_variable
