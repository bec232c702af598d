#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <vector>

namespace test_tensor_expression_kernel {

namespace mf = multifuse;
using mf::isize;

namespace {

using mf::detail::same_places;
template <class... A> using shape = mf::shape<A...>;
using dev = mf::cpu<float>;

template <class... Axes> mf::tensor<dev, shape<Axes...>> counted() {
  const shape<Axes...> dims;
  std::vector<float> values;
  for (isize i = 0; i < dims.size(); ++i) values.push_back(float(i));
  return {dims, std::span<const float>(values)};
}

}  // namespace

TEST_CASE("an operand is read place by place only if it has every axis of the result") {
  using mf::batch, mf::width;
  static_assert(same_places<shape<batch<>, width<3>>, shape<batch<>, width<3>>>);
  static_assert(same_places<shape<batch<2>, width<>>, shape<batch<>, width<3>>>);
  static_assert(same_places<shape<batch<1>, width<3>>, shape<batch<1>, width<3>>>);
  static_assert(!same_places<shape<batch<1>, width<3>>, shape<batch<>, width<3>>>);
  static_assert(!same_places<shape<width<3>>, shape<batch<>, width<3>>>);
  static_assert(!same_places<shape<width<3>, batch<3>>, shape<batch<3>, width<3>>>);
  static_assert(same_places<shape<>, shape<>>);
  static_assert(mf::detail::has_last_axis<shape<width<3>>, shape<batch<>, width<3>>>());
  static_assert(!mf::detail::has_last_axis<shape<batch<>>, shape<batch<>, width<3>>>());
  static_assert(!mf::detail::has_last_axis<shape<batch<>, width<1>>, shape<batch<>, width<3>>>());
  CHECK(!mf::detail::has_last_axis<shape<>, shape<width<3>>>());
}

TEST_CASE("a kernel is plain bytes and reads what the expression means") {
  using result = shape<mf::batch<2>, mf::tokens<2>, mf::width<3>>;
  const auto x = counted<mf::batch<2>, mf::tokens<2>, mf::width<3>>();
  const auto column = counted<mf::batch<2>>();
  const auto row = counted<mf::tokens<2>, mf::width<3>>();
  const auto load = mf::detail::make_load<float>(result{}, x + column * 100.0 + row * 1000.0);
  static_assert(std::is_trivially_copyable_v<decltype(load)>);
  for (isize place = 0; place < 12; ++place) {
    const float expected = float(place) + 100.0f * float(place / 6) + 1000.0f * float(place % 6);
    CHECK(load.at(place / 3, place % 3, place) == expected);
  }
}

TEST_CASE("the backward kernel hands each operand its share, once for each of its uses") {
  using result = shape<mf::width<4>>;
  const auto x = counted<mf::width<4>>(), y = counted<mf::width<4>>();
  const auto load = mf::detail::make_load<float>(result{}, x * y + x);
  std::vector<float> from_product(4, -1), from_sum(4, 10), dy{1, 2, 3, 4};
  using element = mf::detail::element_target<float>;
  const auto inner = mf::detail::pointwise_target<element, mf::detail::no_target>{
      mf::make_pack(element{from_product.data(), false}, mf::detail::no_target{})};
  const auto targets = mf::detail::pointwise_target<std::remove_const_t<decltype(inner)>, element>{
      mf::make_pack(inner, element{from_sum.data(), true})};
  using kernel =
      mf::detail::push_kernel<float, std::remove_const_t<decltype(load)>, std::remove_const_t<decltype(targets)>>;
  dev::for_each(1, 4, kernel{dy.data(), 4, load, targets});
  CHECK(from_product == std::vector<float>{0, 2, 6, 12});  // dy * y, written
  CHECK(from_sum == std::vector<float>{11, 12, 13, 14});   // dy, added
}

TEST_CASE("a target without memory is passed over") {
  const auto x = counted<mf::width<2>>();
  const auto load = mf::detail::make_load<float>(shape<mf::width<2>>{}, mf::exp(x));
  const auto target = mf::detail::pointwise_target<mf::detail::element_target<float>>{
      mf::make_pack(mf::detail::element_target<float>{nullptr, false})};
  mf::detail::push<float>(load, target, 0, 1, 1, 1.0f);
  static_assert(decltype(target)::wanted && !mf::detail::pointwise_target<mf::detail::no_target>::wanted);
  CHECK(load.at(0, 0, 0) == 1.0f);
}

}  // namespace test_tensor_expression_kernel
