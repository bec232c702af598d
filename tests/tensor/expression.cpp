#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <type_traits>
#include <vector>

namespace test_tensor_expression {

namespace mf = multifuse;
using mf::isize;

namespace {

using dev = mf::cpu<double>;
template <class... Axes> using tensor = mf::tensor<dev, mf::shape<Axes...>>;
template <class X> using shape_of = mf::detail::shape_of_t<X>;

/// A tensor whose element i is first + i.
template <class... Axes, class... Extents> tensor<Axes...> counted(double first, Extents... extents) {
  const mf::shape<Axes...> shape(extents...);
  std::vector<double> values;
  for (isize i = 0; i < shape.size(); ++i) values.push_back(first + double(i));
  return {shape, std::span<const double>(values)};
}

struct between {
  static constexpr double flops = 2;
  template <class T> static T value(T x, T low, T high) { return x < low ? low : (high < x ? high : x); }
  template <class T> static mf::slopes_of<T, 3> slopes(T x, T low, T high) {
    return {{T(x >= low && x <= high), T(x < low), T(x > high)}};
  }
};

template <class E, class Action> std::string refusal(Action action) {
  try {
    action();
  } catch (const E& problem) {
    return problem.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("kinds of operands") {
  using x = tensor<mf::width<3>>;
  static_assert(mf::value<x> && !mf::value<double> && !mf::value<int>);
  static_assert(mf::operand<x> && mf::operand<double> && !mf::operand<std::string>);
  using sum = decltype(std::declval<x>() + 1.0);
  static_assert(mf::is_pointwise<sum> && !mf::is_pointwise<x> && mf::value<sum> && !mf::is_leaf<sum>);
  static_assert(std::is_same_v<mf::device_of_t<sum>, dev>);
  static_assert(mf::detail::flops_of<decltype((std::declval<x>() + 1.0) * std::declval<x>())> == 2);
  CHECK(mf::is_leaf<x>);
}

TEST_CASE("meta wins over a device, and a device over numbers") {
  using count = mf::tensor<mf::meta, mf::shape<mf::width<3>>>;
  static_assert(std::is_same_v<mf::device_of_t<count, tensor<mf::width<3>>>, mf::meta>);
  static_assert(std::is_same_v<mf::device_of_t<tensor<mf::width<3>>, count>, mf::meta>);
  static_assert(std::is_same_v<mf::device_of_t<mf::number, tensor<mf::width<3>>>, dev>);
  static_assert(mf::devices_agree<void, dev, void, dev>::value && mf::devices_agree<void, dev, mf::meta>::value);
  static_assert(!mf::devices_agree<void, dev, mf::cpu<float>>::value);
  CHECK(mf::devices_agree<void, void, void>::value);
}

TEST_CASE("the type of a result: static where any operand is, 1 gives way, dynamic otherwise") {
  using fixed = tensor<mf::batch<2>, mf::tokens<3>, mf::width<4>>;
  using free = tensor<mf::batch<>, mf::tokens<>, mf::width<>>;
  using row = tensor<mf::width<4>>;
  using single = tensor<mf::batch<1>, mf::tokens<3>, mf::width<1>>;
  static_assert(std::is_same_v<shape_of<decltype(std::declval<fixed>() + std::declval<row>())>, fixed::shape_type>);
  static_assert(std::is_same_v<shape_of<decltype(std::declval<row>() + std::declval<fixed>())>, fixed::shape_type>);
  static_assert(std::is_same_v<shape_of<decltype(std::declval<free>() + std::declval<row>())>,
                               mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>>);
  static_assert(std::is_same_v<shape_of<decltype(std::declval<single>() * std::declval<free>())>,
                               mf::shape<mf::batch<>, mf::tokens<3>, mf::width<>>>);
  static_assert(std::is_same_v<shape_of<decltype(std::declval<single>() * 2.0)>, single::shape_type>);
  static_assert(std::is_same_v<shape_of<decltype(std::declval<tensor<>>() + std::declval<row>())>, row::shape_type>);
  static_assert(std::is_same_v<shape_of<decltype(mf::exp(std::declval<tensor<>>()))>, mf::shape<>>);
  CHECK(shape_of<fixed>::rank == 3);
}

TEST_CASE("an expression answers for its extents before it is computed") {
  const auto x = counted<mf::batch<>, mf::width<3>>(0, 5);
  const auto sum = x + counted<mf::width<3>>(0);
  CHECK(mf::dims(sum).to_string() == "[batch 5, width 3]");
  CHECK(mf::extent<mf::batch_axis>(sum) == 5);
  CHECK(mf::extent<mf::width_axis>(x) == 3);
}

TEST_CASE("operands without an axis are repeated along it, wherever it stands") {
  const auto x = counted<mf::batch<>, mf::tokens<3>, mf::width<4>>(0, 2);
  const auto row = counted<mf::width<4>>(100);
  const auto column = counted<mf::batch<>, mf::tokens<3>>(200, 2);
  const auto middle = counted<mf::tokens<3>>(300);
  const auto outside = counted<mf::batch<>, mf::width<4>>(400, 2);
  const auto number = counted<>(500);
  const auto y = mf::evaluate(x + row * 2.0 + column - middle + outside / number).to_host();
  for (isize b = 0; b < 2; ++b)
    for (isize t = 0; t < 3; ++t)
      for (isize w = 0; w < 4; ++w) {
        const double expected = double((b * 3 + t) * 4 + w) + (100.0 + double(w)) * 2 + (200.0 + double(b * 3 + t)) -
                                (300.0 + double(t)) + (400.0 + double(b * 4 + w)) / 500.0;
        CHECK(y[std::size_t((b * 3 + t) * 4 + w)] == doctest::Approx(expected));
      }
}

TEST_CASE("axes of static extent 1 are repeated, in the first, middle and last place, and in both operands") {
  const auto a = counted<mf::batch<1>, mf::tokens<3>, mf::width<1>>(1);
  const auto b = counted<mf::batch<>, mf::tokens<1>, mf::width<2>>(10, 2);
  const auto y = mf::evaluate(a * b);
  CHECK(y.dims().to_string() == "[batch 2, tokens 3, width 2]");
  CHECK(y.to_host() == std::vector<double>{10, 11, 20, 22, 30, 33, 12, 13, 24, 26, 36, 39});
  const auto ones = mf::evaluate(a * counted<mf::tokens<1>, mf::width<1>>(2));  // 1 stays 1
  CHECK(ones.dims().to_string() == "[batch 1, tokens 3, width 1]");
  CHECK(ones.to_host() == std::vector<double>{2, 4, 6});
}

TEST_CASE("dynamic extents that disagree are refused with both numbers, in either order") {
  const auto a = counted<mf::batch<>, mf::width<>>(0, 2, 3), b = counted<mf::batch<>, mf::width<>>(0, 2, 4);
  CHECK(refusal<mf::shape_error>([&] { mf::evaluate(a + b); }) ==
        "pointwise expression: operands disagree on the width axis; expected 3; got 4");
  CHECK(refusal<mf::shape_error>([&] { mf::evaluate(mf::exp(b) * (a + 1.0)); }) ==
        "pointwise expression: operands disagree on the width axis; expected 4; got 3");
  const auto fixed = counted<mf::batch<7>, mf::width<3>>(0);
  CHECK(refusal<mf::shape_error>([&] { mf::evaluate(fixed + a); }) ==
        "pointwise expression: operands disagree on the batch axis; expected 7; got 2");
  CHECK(refusal<mf::shape_error>([&] { mf::evaluate(a + fixed); }) ==
        "pointwise expression: operands disagree on the batch axis; expected 2; got 7");
}

TEST_CASE("a dynamic extent that happens to be 1 is not repeated, in either order") {
  const auto one = counted<mf::batch<>, mf::width<3>>(0, 1), five = counted<mf::batch<>, mf::width<3>>(0, 5);
  CHECK(refusal<mf::shape_error>([&] { mf::evaluate(one + five); }) ==
        "pointwise expression: operands disagree on the batch axis; expected 1; got 5");
  CHECK(refusal<mf::shape_error>([&] { mf::evaluate(five + one); }) ==
        "pointwise expression: operands disagree on the batch axis; expected 5; got 1");
  CHECK(mf::evaluate(one + one).to_host() == std::vector<double>{0, 2, 4});
  CHECK(mf::evaluate(one + counted<mf::batch<1>, mf::width<3>>(0)).to_host() == std::vector<double>{0, 2, 4});
  const auto single = counted<mf::batch<1>, mf::width<3>>(0);
  CHECK(mf::evaluate(five * single).dims().extent<mf::batch_axis>() == 5);
}

TEST_CASE("a handle without elements is refused, alone and inside an expression") {
  const tensor<mf::width<3>> empty;
  const auto x = counted<mf::width<3>>(0);
  const std::string text =
      "tensor: an operand has no elements; expected a tensor made from a shape; got an empty handle";
  CHECK(refusal<mf::argument_error>([&] { mf::evaluate(mf::relu(empty)); }) == text);
  CHECK(refusal<mf::argument_error>([&] { mf::evaluate(x + x * empty); }) == text);
}

TEST_CASE("a function of a user's own, of three arguments") {
  const auto x = counted<mf::width<5>>(0);
  const auto y = mf::map<between>(x, 1.0, counted<>(3));
  static_assert(mf::detail::flops_of<std::remove_const_t<decltype(y)>> == 2);
  CHECK(mf::evaluate(y).to_host() == std::vector<double>{1, 1, 2, 3, 3});
}

TEST_CASE("expressions keep their operands' memory, not their names") {
  const auto make = [] {
    const auto x = counted<mf::width<3>>(1);
    return x * x + 1.0;
  };
  const auto later = make();
  CHECK(mf::evaluate(later).to_host() == std::vector<double>{2, 5, 10});
}

}  // namespace test_tensor_expression
