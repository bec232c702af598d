#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/linear.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/ops/reduce.hpp>
#include <multifuse/tape/members.hpp>
#include <stdexcept>

namespace test_tape_apply {

namespace mf = multifuse;
using mf::isize;

namespace {

using dev = mf::cpu<double>;
using numbers = std::vector<double>;
using row = mf::shape<mf::width<3>>;
using tensor = mf::tensor<dev, row>;

tensor of(double a, double b, double c) { return {row{}, numbers{a, b, c}}; }

isize in_use() { return mf::memory_pool<mf::cpu_memory>::instance().statistics().in_use; }

/// y = 2 x, written out as an operation that can be told to fail, and says what its backward pass was given.
struct same_shape {
  template <class S> constexpr S shape(const S& x) const { return x; }
  constexpr double flops(const auto& y, const auto&) const { return double(y.size()); }
};
struct twice : same_shape {
  bool fail_forward = false, fail_backward = false;
  inline static bool had_input = false, had_output = false;
  template <class D, class S> void forward(const mf::tensor<D, S>& y, const mf::tensor<D, S>& x) const {
    if (fail_forward) throw std::runtime_error("forward");
    for (isize i = 0; i < x.size(); ++i) y.data()[i] = 2 * x.data()[i];
  }
  template <class D, class S>
  void backward(const mf::tensor<D, S>& dy, const mf::tensor<D, S>& y, const mf::tensor<D, S>& x,
                const mf::gradient_sink<D, S>& dx) const {
    had_input = bool(x);
    had_output = bool(y);
    if (fail_backward) throw std::runtime_error("backward");
    double* const to = dx.add_to();
    for (isize i = 0; i < dy.size(); ++i) to[i] += 2 * dy.data()[i];
  }
};
struct twice_without_input : twice {
  static constexpr bool backward_ignores_inputs = true;
};
struct twice_with_output : twice {
  static constexpr bool backward_reads_output = true;
};

/// Hands a state from the forward to the backward pass.
struct scaled_by_mean : same_shape {
  template <class D, class S> double forward(const mf::tensor<D, S>& y, const mf::tensor<D, S>& x) const {
    double mean = 0;
    for (isize i = 0; i < x.size(); ++i) mean += x.data()[i] / double(x.size());
    for (isize i = 0; i < x.size(); ++i) y.data()[i] = mean;
    return mean;
  }
  template <class D, class S>
  void backward(const mf::tensor<D, S>&, const mf::tensor<D, S>&, double state, const mf::tensor<D, S>&,
                const mf::gradient_sink<D, S>& dx) const {
    for (isize i = 0; i < dx.dims().size(); ++i) dx.add_to()[i] += state;
  }
};

struct layer;

struct network {
  mf::parameter<dev, mf::outputs<3>, mf::inputs<3>> first{mf::init::normal(1)}, second{mf::init::normal(1)};
  void members(auto&& visit) { visit("first", first), visit("second", second); }
  auto operator()(const auto& x) const {
    return mf::apply(mf::linear_op<layer>{}, mf::tanh(mf::apply(mf::linear_op<layer>{}, x, first)), second);
  }
};

}  // namespace

TEST_CASE("an operation on tensors is computed, on variables recorded, on shapes counted") {
  mf::tape tape;
  const auto x = of(1, 2, 3);
  CHECK(mf::apply(twice{}, x).to_host() == numbers{2, 4, 6});
  const auto v = mf::watch(tape, x);
  mf::backward(mf::sum(mf::apply(twice{}, v)));
  CHECK(v.gradient().to_host() == numbers{2, 2, 2});
  mf::operation_count count;
  const auto shape = mf::apply(twice{}, mf::tensor<mf::meta, row>({}, &count));
  static_assert(std::is_same_v<decltype(shape), const mf::tensor<mf::meta, row>>);
  CHECK(count.forward_flops == 3);
  CHECK(count.backward_flops == 6);
}

TEST_CASE("expressions as operands are evaluated first") {
  mf::tape tape;
  const auto v = mf::watch(tape, of(1, 2, 3));
  mf::backward(mf::sum(mf::apply(twice{}, v * v)));
  CHECK(v.gradient().to_host() == numbers{4, 8, 12});
  CHECK(mf::apply(twice{}, of(1, 2, 3) + 1.0).to_host() == numbers{4, 6, 8});
}

TEST_CASE("backward gets the elements that it says it reads, and only those are kept") {
  const auto run = [](const auto& op) {
    mf::tape tape;
    const auto v = mf::watch(tape, of(1, 2, 3));
    const isize before = in_use();
    auto y = mf::apply(op, mf::exp(v));
    const isize recorded = in_use() - before;
    mf::backward(mf::sum(y));
    return recorded;
  };
  const isize plain = run(twice{});
  CHECK(twice::had_input);
  CHECK(!twice::had_output);
  const isize without_input = run(twice_without_input{});
  CHECK(!twice::had_input);
  CHECK(!twice::had_output);
  const isize with_output = run(twice_with_output{});
  CHECK(twice::had_input);
  CHECK(twice::had_output);
  CHECK(without_input == plain - 64);  // the exponentials: a block of the smallest size
  CHECK(with_output == plain);         // held by the result itself
}

TEST_CASE("state travels from the forward to the backward pass") {
  mf::tape tape;
  const auto v = mf::watch(tape, of(1, 2, 6));
  mf::backward(mf::sum(mf::apply(scaled_by_mean{}, v)));
  CHECK(v.gradient().to_host() == numbers{3, 3, 3});
}

TEST_CASE("a branch that the loss does not use is not run backward") {
  mf::tape tape;
  const auto v = mf::watch(tape, of(1, 2, 3));
  twice fails;
  fails.fail_backward = true;
  const auto unused = mf::apply(fails, v);
  mf::backward(mf::sum(v * 3.0));
  CHECK(v.gradient().to_host() == numbers{3, 3, 3});
  CHECK(unused.value().to_host() == numbers{2, 4, 6});
}

TEST_CASE(
    "an operation that throws in the middle of the forward pass leaves a tape that can be cleared and used again") {
  const isize before = in_use();
  {
    mf::tape tape;
    twice fails;
    for (int pass = 0; pass < 3; ++pass) {
      tape.clear();
      const auto v = mf::watch(tape, of(1, 2, 3));
      fails.fail_forward = pass == 1;
      if (pass == 1) {
        CHECK_THROWS_AS(mf::apply(fails, mf::apply(twice{}, v * v)), std::runtime_error);
      } else {
        mf::backward(mf::sum(mf::apply(fails, mf::apply(twice{}, v * v))));
        CHECK(v.gradient().to_host() == numbers{8, 16, 24});
      }
    }
  }
  CHECK(in_use() == before);
}

TEST_CASE("an operation that throws in the middle of the backward pass: nothing leaks, and the next pass is right") {
  const isize before = in_use();
  {
    network model;
    mf::initialize(model, 1);
    mf::tape tape;
    std::vector<numbers> gradients;
    for (int pass = 0; pass < 3; ++pass) {
      tape.clear();
      mf::clear_gradients(model);
      twice op;
      op.fail_backward = pass == 1;
      const mf::tensor<dev, mf::shape<mf::batch<>, mf::width<3>>> x({mf::shape<mf::batch<>, mf::width<3>>(2)},
                                                                    numbers{1, 2, 3, 4, 5, 6});
      const auto loss = mf::sum(model(mf::apply(op, mf::apply(twice{}, mf::watch(tape, x)))));
      if (pass == 1) {
        CHECK_THROWS_AS(mf::backward(loss), std::runtime_error);
      } else {
        mf::backward(loss);
        gradients.push_back(model.first.gradient().to_host());
      }
    }
    CHECK(gradients[0] == gradients[1]);
  }
  CHECK(in_use() == before);
}

TEST_CASE("operands are checked before an operation runs: elements, tapes") {
  mf::tape tape, other;
  CHECK_THROWS_AS(mf::apply(twice{}, tensor()), mf::argument_error);
  CHECK_THROWS_AS(mf::apply(twice{}, mf::watch(tape, tensor())), mf::argument_error);
  const mf::parameter<dev, mf::outputs<3>, mf::inputs<3>> without_values;
  CHECK_THROWS_AS(mf::apply(mf::linear_op<layer>{}, of(1, 2, 3), without_values), mf::argument_error);
  network model;
  mf::initialize(model, 1);
  const auto weight = mf::watch(other, model.first.value());
  CHECK_THROWS_AS(mf::apply(mf::linear_op<layer>{}, mf::watch(tape, of(1, 2, 3)), weight), mf::argument_error);
}

TEST_CASE("a dynamic width that a layer does not take is refused with both numbers") {
  network model;
  mf::initialize(model, 1);
  try {
    model(mf::zeros<dev>(mf::shape<mf::batch<>, mf::width<>>(2, 4)));
    FAIL("accepted");
  } catch (const mf::shape_error& problem) {
    CHECK(std::string(problem.what()).find("expected 3; got 4") != std::string::npos);
  }
}

}  // namespace test_tape_apply
