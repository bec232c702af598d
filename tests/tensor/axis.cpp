#include <doctest/doctest.h>

#include <multifuse/tensor/axis.hpp>
#include <type_traits>

namespace test_tensor_axis {

namespace mf = multifuse;

namespace {
struct sensor_axis {
  static constexpr std::string_view name = "sensor";
};
}  // namespace

TEST_CASE("an axis is a tag and an extent, and the tag is its identity") {
  static_assert(std::is_same_v<mf::tokens<3>::tag, mf::tokens<>::tag>);
  static_assert(!std::is_same_v<mf::tokens<3>::tag, mf::width<3>::tag>);
  static_assert(mf::tokens<3>::extent == 3 && mf::tokens<>::extent == mf::dynamic);
  static_assert(std::is_same_v<mf::tokens<5>, mf::axis<mf::tokens_axis, 5>>);
  using sensors = mf::axis<sensor_axis, 4>;
  static_assert(sensors::extent == 4);
  CHECK(sensors::tag::name == "sensor");
}

TEST_CASE("every axis of the library has a name of its own") {
  const std::string_view names[] = {mf::batch_axis::name,   mf::tokens_axis::name,   mf::width_axis::name,
                                    mf::heads_axis::name,   mf::queries_axis::name,  mf::keys_axis::name,
                                    mf::windows_axis::name, mf::frames_axis::name,   mf::rows_axis::name,
                                    mf::columns_axis::name, mf::channels_axis::name, mf::outputs_axis::name,
                                    mf::inputs_axis::name,  mf::samples_axis::name};
  for (const auto& a : names) {
    CHECK(!a.empty());
    for (const auto& b : names) CHECK((a == b) == (&a == &b));
  }
}

}  // namespace test_tensor_axis
