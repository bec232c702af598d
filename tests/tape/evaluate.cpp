#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/ops/reduce.hpp>
#include <multifuse/tape/parameter.hpp>

namespace test_tape_evaluate {

namespace mf = multifuse;
using mf::isize;

namespace {

using dev = mf::cpu<double>;
using numbers = std::vector<double>;

template <class... Axes, class... Extents> auto counted(double first, Extents... extents) {
  const mf::shape<Axes...> shape(extents...);
  numbers values;
  for (isize i = 0; i < shape.size(); ++i) values.push_back(first + double(i));
  return mf::tensor<dev, mf::shape<Axes...>>(shape, values);
}

/// A function that counts its calls.
struct counting_identity {
  static constexpr double flops = 1;
  inline static int values = 0, slopes_taken = 0;
  template <class T> static T value(T x) {
    ++values;
    return x;
  }
  template <class T> static mf::slopes_of<T, 1> slopes(T) {
    ++slopes_taken;
    return {{T(1)}};
  }
};

}  // namespace

TEST_CASE("values of any kind: tensors and variables as they are, expressions computed") {
  mf::tape tape;
  const auto x = counted<mf::width<3>>(1);
  CHECK(mf::evaluate(x).data() == x.data());
  const auto v = mf::watch(tape, x);
  CHECK(mf::evaluate(v).value().data() == x.data());
  CHECK(mf::evaluate(x + 1.0).to_host() == numbers{2, 3, 4});
  static_assert(mf::on_tape<decltype(v + 1.0)> && mf::on_tape<decltype(x * (1.0 - v))> &&
                !mf::on_tape<decltype(x + 1.0)>);
}

TEST_CASE("an expression is one pass forward and one step backward, however many functions it has") {
  mf::tape tape;
  counting_identity::values = counting_identity::slopes_taken = 0;
  const auto x = mf::watch(tape, counted<mf::width<5>>(1));
  const auto y = mf::evaluate(mf::map<counting_identity>(x) * 2.0 + 1.0);
  CHECK(counting_identity::values == 5);
  mf::backward(mf::sum(y));
  CHECK(counting_identity::slopes_taken == 5);
  CHECK(x.gradient().to_host() == numbers(5, 2.0));
}

TEST_CASE("the gradient of a broadcast operand is summed over the axes it lacks, wherever they stand") {
  mf::tape tape;
  const auto full = counted<mf::batch<>, mf::tokens<3>, mf::width<4>>(1, 2);
  const auto row = mf::watch(tape, counted<mf::width<4>>(1));
  const auto middle = mf::watch(tape, counted<mf::tokens<3>>(1));
  const auto outside = mf::watch(tape, counted<mf::batch<>, mf::width<4>>(1, 2));
  const auto single = mf::watch(tape, counted<mf::batch<1>, mf::tokens<3>, mf::width<1>>(1));
  const auto number = mf::watch(tape, counted<>(7));
  mf::backward(mf::sum(full * row + full * middle + full * outside + full * single + full * number));
  const auto at = [&](isize b, isize t, isize w) { return full.data()[(b * 3 + t) * 4 + w]; };
  for (isize w = 0; w < 4; ++w) {
    double expected = 0;
    for (isize b = 0; b < 2; ++b)
      for (isize t = 0; t < 3; ++t) expected += at(b, t, w);
    CHECK(row.gradient().data()[w] == expected);
  }
  double total = 0;
  for (isize t = 0; t < 3; ++t) {
    double expected = 0;
    for (isize b = 0; b < 2; ++b)
      for (isize w = 0; w < 4; ++w) expected += at(b, t, w);
    CHECK(middle.gradient().data()[t] == expected);
    CHECK(single.gradient().data()[t] == expected);
    total += expected;
  }
  CHECK(number.gradient().data()[0] == total);
  for (isize b = 0; b < 2; ++b)
    for (isize w = 0; w < 4; ++w)
      CHECK(outside.gradient().data()[b * 4 + w] == at(b, 0, w) + at(b, 1, w) + at(b, 2, w));
}

TEST_CASE("one variable in the same expression at full size and through a parameter of its own") {
  mf::tape tape;
  mf::parameter<dev, mf::width<2>> p;
  p.bind({mf::shape<mf::width<2>>{}, numbers{3, 5}});
  const auto x = mf::watch(tape, counted<mf::batch<>, mf::width<2>>(1, 2));
  mf::backward(mf::sum(x * p * p + p * x));
  CHECK(p.gradient().to_host() == numbers{(2 * 3 + 1) * (1 + 3), (2 * 5 + 1) * (2 + 4)});
  CHECK(x.gradient().to_host() == numbers{9 + 3, 25 + 5, 9 + 3, 25 + 5});
}

TEST_CASE("leaves that want no gradient cost nothing: no memory, no step") {
  mf::tape tape;
  mf::parameter<dev, mf::width<2>> frozen;
  frozen.bind({mf::shape<mf::width<2>>{}, numbers{3, 5}});
  frozen.set_trainable(false);
  const auto x = mf::record(tape, counted<mf::batch<>, mf::width<2>>(1, 2));
  CHECK(!mf::evaluate(x * frozen).sink());
  const auto w = mf::watch(tape, counted<mf::batch<>, mf::width<2>>(1, 2));
  mf::backward(mf::sum(w * frozen));
  CHECK(!frozen.gradient());
  CHECK(w.gradient().to_host() == numbers{3, 5, 3, 5});
}

TEST_CASE("parameters and tensors are an expression without a tape: inference") {
  mf::parameter<dev, mf::width<2>> p;
  p.bind({mf::shape<mf::width<2>>{}, numbers{3, 5}});
  const auto y = mf::evaluate(counted<mf::batch<>, mf::width<2>>(1, 1) * p);
  static_assert(mf::is_tensor<std::remove_const_t<decltype(y)>>);
  CHECK(y.to_host() == numbers{3, 10});
  CHECK(!p.gradient());
}

TEST_CASE("a parameter without values is refused before anything is recorded") {
  mf::tape tape;
  const mf::parameter<dev, mf::width<2>> p;
  const auto x = mf::watch(tape, counted<mf::width<2>>(1));
  CHECK_THROWS_AS(mf::evaluate(x * p), mf::argument_error);
  mf::backward(mf::sum(x * 2.0));
  CHECK(x.gradient().to_host() == numbers{2, 2});
}

}  // namespace test_tape_evaluate
