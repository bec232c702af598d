#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/tensor/to_device.hpp>

namespace test_tensor_to_device {

namespace mf = multifuse;

TEST_CASE("a tensor on another device has the same elements in memory of its own") {
  using S = mf::shape<mf::batch<>, mf::width<3>>;
  const std::vector<float> elements{1, 2.5f, -3, 4, 5, 6};
  const mf::tensor<mf::cpu<float>, S> x(S(2), elements);
  const auto same = mf::to_device<mf::cpu<float>>(x);
  CHECK(same.data() != x.data());
  CHECK(same.to_host() == elements);
  CHECK(same.dims() == x.dims());
  const auto wide = mf::to_device<mf::cpu<double>>(x);
  static_assert(std::is_same_v<decltype(wide), const mf::tensor<mf::cpu<double>, S>>);
  CHECK(wide.to_host() == std::vector<double>{1, 2.5, -3, 4, 5, 6});
  CHECK(!mf::to_device<mf::cpu<double>>(mf::tensor<mf::cpu<float>, S>()));
}

}  // namespace test_tensor_to_device
