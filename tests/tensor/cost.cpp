#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/linear.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/tape/parameter.hpp>

namespace test_tensor_cost {

namespace mf = multifuse;

namespace {

template <class... Axes> constexpr auto counted(mf::operation_count& count, const mf::shape<Axes...>& shape) {
  return mf::tensor<mf::meta, mf::shape<Axes...>>(shape, &count);
}

struct layer;

}  // namespace

TEST_CASE("counts add up part by part") {
  constexpr auto sum = mf::operation_count{1, 2, 3} + mf::operation_count{10, 20, 30};
  static_assert(sum.forward_flops == 11 && sum.backward_flops == 22 && sum.activation_bytes == 33);
  CHECK(mf::operation_count{}.forward_flops == 0);
}

TEST_CASE("an expression is counted once, in a constant expression") {
  constexpr auto count = [] {
    mf::operation_count result;
    const auto x = counted(result, mf::shape<mf::batch<2>, mf::width<3>>{});
    mf::evaluate(x * x + 1.0);  // one pass, two operations an element, one result
    return result;
  }();
  static_assert(count.forward_flops == 12 && count.backward_flops == 24 && count.activation_bytes == 24);
  CHECK(count.forward_flops == 12);
}

TEST_CASE("a product is counted as two operations for each multiply-add, and its bias as one an element") {
  constexpr auto count = [] {
    mf::operation_count result;
    const mf::parameter<mf::cpu<float>, mf::outputs<5>, mf::inputs<3>> weight;
    const mf::parameter<mf::cpu<float>, mf::outputs<5>> bias;
    const auto x = counted(result, mf::shape<mf::batch<2>, mf::width<3>>{});
    const auto y = mf::apply(mf::linear_op<layer>{}, x, weight, bias);
    static_assert(std::is_same_v<decltype(y), const mf::tensor<mf::meta, mf::shape<mf::batch<2>, mf::width<5>>>>);
    return result;
  }();
  static_assert(count.forward_flops == 2 * 2 * 5 * 3 + 10 && count.backward_flops == 2 * count.forward_flops);
  static_assert(count.activation_bytes == 4 * 10);
  CHECK(count.forward_flops == 70);
}

TEST_CASE("dynamic shapes are counted at run time, and meta values without a count cost nothing") {
  mf::operation_count count;
  const auto x = counted(count, mf::shape<mf::batch<>, mf::width<3>>(7));
  mf::evaluate(mf::relu(x));
  CHECK(count.forward_flops == 21);
  const mf::tensor<mf::meta, mf::shape<mf::width<3>>> silent;
  CHECK(mf::evaluate(mf::relu(silent)).dims().size() == 3);
  CHECK_THROWS_AS(mf::evaluate(x + counted(count, mf::shape<mf::batch<>, mf::width<3>>(6))), mf::shape_error);
}

}  // namespace test_tensor_cost
