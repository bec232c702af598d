#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/ops/reduce.hpp>
#include <multifuse/tape/apply.hpp>
#include <multifuse/tape/parameter.hpp>
#include <utility>

namespace test_tape_parameter {

namespace mf = multifuse;

namespace {

using dev = mf::cpu<double>;
using numbers = std::vector<double>;
using row = mf::shape<mf::width<2>>;
using parameter = mf::parameter<dev, mf::width<2>>;
using buffer = mf::buffer<dev, mf::width<2>>;

parameter of(double a, double b) {
  parameter p;
  p.bind({row{}, numbers{a, b}});
  return p;
}

struct outer_product {
  template <class S, class W> constexpr auto shape(const S&, const W&) const { return mf::join_shapes<S, W>{}; }
  template <class D, class R, class S, class W>
  void forward(const mf::tensor<D, R>& y, const mf::tensor<D, S>& x, const mf::tensor<D, W>& w) const {
    D::multiply(1, x.size(), w.size(), 1, 1, {x.data(), 1, 0}, {w.data(), w.size(), 0}, 0, {y.data(), w.size(), 0});
  }
  template <class D, class R, class S, class W>
  void backward(const mf::tensor<D, R>& dy, const mf::tensor<D, R>&, const mf::tensor<D, S>& x,
                const mf::tensor<D, W>& w, const mf::gradient_sink<D, S>&, const mf::gradient_sink<D, W>& dw) const {
    const auto to = dw.open();
    D::multiply(1, 1, w.size(), x.size(), 1, {x.data(), x.size(), 0}, {dy.data(), w.size(), 0}, to.beta,
                {to.data, w.size(), 0});
  }
};

/// One backward pass of sum(p * x) with x = (1, 10).
void collect(const parameter& p, mf::tape& tape) {
  mf::backward(mf::sum(p * mf::watch(tape, mf::tensor<dev, row>(row{}, numbers{1, 10}))));
}

}  // namespace

TEST_CASE("before it has values a parameter is a shape and a start") {
  constexpr parameter p{mf::init::ones()};
  static_assert(parameter::count == 2 && p.dims().size() == 2);
  static_assert(mf::is_parameter<parameter> && !mf::is_buffer<parameter> && mf::is_buffer<buffer> && mf::value<buffer>);
  CHECK(!p.has_value());
  CHECK(p.trainable());
  CHECK(!p.gradient());
  CHECK_THROWS_WITH_AS((void)p.value(), "parameter: has no values yet; expected a call of initialize or load",
                       mf::argument_error);
  CHECK_THROWS_AS((void)buffer().value(), mf::argument_error);
}

TEST_CASE("gradients add up over passes until they are cleared") {
  const parameter p = of(3, 4);
  mf::tape tape;
  collect(p, tape);
  CHECK(p.gradient().to_host() == numbers{1, 10});
  collect(p, tape);
  tape.clear();
  collect(p, tape);
  CHECK(p.gradient().to_host() == numbers{3, 30});
  parameter& writable = const_cast<parameter&>(p);
  writable.clear_gradient();
  CHECK(!p.gradient());
  collect(p, tape);
  CHECK(p.gradient().to_host() == numbers{1, 10});
}

TEST_CASE("a frozen parameter keeps no gradient and passes it on") {
  parameter p = of(3, 4);
  mf::tape tape;
  collect(p, tape);
  p.set_trainable(false);
  CHECK(!p.gradient());
  const auto x = mf::watch(tape, mf::tensor<dev, row>(row{}, numbers{1, 10}));
  mf::backward(mf::sum(x * p));
  CHECK(x.gradient().to_host() == numbers{3, 4});
  CHECK(!p.gradient());
  p.set_trainable(true);
  CHECK(!p.gradient());
  collect(p, tape);
  CHECK(p.gradient().to_host() == numbers{1, 10});
}

TEST_CASE("copies are deep: values, flag and gradient are their own") {
  parameter p = of(3, 4);
  p.set_trainable(false);
  parameter copy = p;
  CHECK(copy.value().data() != p.value().data());
  CHECK(copy.value().to_host() == numbers{3, 4});
  CHECK(!copy.trainable());
  copy.set_trainable(true);
  copy.value().data()[0] = 100;
  CHECK(p.value().data()[0] == 3);
  CHECK(!p.trainable());
  mf::tape tape;
  collect(copy, tape);
  const parameter another = copy;
  CHECK(!another.gradient());  // gradients are not copied
  collect(another, tape);
  CHECK(copy.gradient().to_host() == numbers{1, 10});
  CHECK(another.gradient().to_host() == numbers{1, 10});
}

TEST_CASE("assignment replaces everything, also by itself") {
  parameter p = of(3, 4);
  const parameter q = of(5, 6);
  p = q;
  CHECK(p.value().to_host() == numbers{5, 6});
  CHECK(p.value().data() != q.value().data());
  const parameter& same = p;
  p = same;
  CHECK(p.value().to_host() == numbers{5, 6});
  p = parameter();
  CHECK(!p.has_value());
}

TEST_CASE("a moved parameter takes its gradient along, also one that a tape has still to write") {
  parameter p = of(3, 4);
  mf::tape tape;
  const auto x = mf::watch(tape, mf::tensor<dev, mf::shape<mf::batch<1>>>({}, numbers{7}));
  const auto loss = mf::sum(mf::apply(outer_product{}, x, p));
  parameter moved = std::move(p);
  CHECK(moved.value().to_host() == numbers{3, 4});
  CHECK(!p.has_value());  // NOLINT: that is what is tested
  CHECK_THROWS_AS((void)p.value(), mf::argument_error);
  mf::backward(loss);
  CHECK(moved.gradient().to_host() == numbers{7, 7});
  CHECK(!p.gradient());
  const auto address = moved.gradient().data();
  const parameter again = std::move(moved);
  CHECK(again.gradient().data() == address);
}

TEST_CASE("a parameter can be given other memory") {
  parameter p = of(3, 4);
  const mf::tensor<dev, mf::shape<mf::samples<4>>> both(mf::shape<mf::samples<4>>{}, numbers{1, 2, 0, 0});
  p.bind({both.owner(), both.data(), row{}});
  p.bind_gradient({both.owner(), both.data() + 2, true});
  CHECK(p.value().data() == both.data());
  mf::tape tape;
  collect(p, tape);
  CHECK(both.to_host() == numbers{1, 2, 1, 10});
  p.clear_gradient();
  CHECK(both.to_host() == numbers{1, 2, 0, 0});  // nothing stale is left for who reads the whole buffer
  CHECK(!p.gradient());
}

TEST_CASE("buffers take part in expressions and get no gradient") {
  buffer b;
  b.bind({row{}, numbers{2, 3}});
  mf::tape tape;
  const auto x = mf::watch(tape, mf::tensor<dev, row>(row{}, numbers{1, 10}));
  mf::backward(mf::sum(x * b));
  CHECK(x.gradient().to_host() == numbers{2, 3});
  const buffer copy = b;
  CHECK(copy.value().data() != b.value().data());
  CHECK(mf::evaluate(b + 1.0).to_host() == numbers{3, 4});
}

}  // namespace test_tape_parameter
