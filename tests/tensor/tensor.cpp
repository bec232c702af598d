#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/tensor/tensor.hpp>
#include <numeric>
#include <thread>
#include <type_traits>
#include <vector>

namespace test_tensor_tensor {

// A request that no machine can serve is refused by the library, also where a sanitizer would end the program first.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

namespace mf = multifuse;
using mf::isize;

namespace {

using dev = mf::cpu<float>;
using rows = mf::shape<mf::batch<>, mf::width<3>>;
using tensor = mf::tensor<dev, rows>;

tensor counted(isize n) {
  std::vector<float> values(std::size_t(3 * n));
  std::iota(values.begin(), values.end(), 0.0f);
  return {rows(n), std::span<const float>(values)};
}

template <class E, class Action> std::string refusal(Action action) {
  try {
    action();
  } catch (const E& problem) {
    return problem.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a tensor knows its type and its extents") {
  static_assert(std::is_same_v<tensor::device, dev> && std::is_same_v<tensor::scalar, float>);
  static_assert(mf::is_tensor<tensor> && !mf::is_tensor<float>);
  static_assert(std::is_same_v<mf::rebind<dev, std::int32_t>, mf::cpu<std::int32_t>>);
  const mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>> x({8, 5});
  CHECK(x.dims().to_string() == "[batch 8, tokens 5, width 4]");
  CHECK(x.size() == 160);
  CHECK(bool(x));
  CHECK(reinterpret_cast<std::uintptr_t>(x.data()) % 64 == 0);
}

TEST_CASE("elements go in and out in row-major order") {
  const tensor x = counted(4);
  CHECK(x.data()[7] == 7.0f);
  CHECK(x.to_host() == std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(mf::zeros<dev>(rows(2)).to_host() == std::vector<float>(6));
  CHECK(tensor(rows(1)).fill(2).to_host() == std::vector<float>{2, 2, 2});
  const mf::tensor<mf::cpu<std::int32_t>, mf::shape<>> number({}, std::vector<std::int32_t>{-7});
  CHECK(number.to_host() == std::vector<std::int32_t>{-7});
}

TEST_CASE("copies are handles to the same elements, clones are not") {
  const tensor x = counted(2);
  const tensor handle = x, copy = x.clone();
  CHECK(handle.data() == x.data());
  CHECK(copy.data() != x.data());
  x.data()[0] = 100;
  CHECK(handle.data()[0] == 100);
  CHECK(copy.data()[0] == 0);
  CHECK(copy.dims() == x.dims());
}

TEST_CASE("memory lives as long as its last handle") {
  auto& pool = mf::memory_pool<mf::cpu_memory>::instance();
  const isize before = pool.statistics().in_use;
  {
    mf::tensor<dev, mf::shape<mf::samples<>>> flat;
    {
      const tensor x = counted(100);
      flat = x.reshaped(mf::shape<mf::samples<>>(300));
    }
    CHECK(pool.statistics().in_use > before);
    CHECK(flat.data()[299] == 299);
  }
  CHECK(pool.statistics().in_use == before);
}

TEST_CASE("assignment to itself and to a part of itself") {
  tensor x = counted(2);
  const tensor& same = x;
  x = same;
  CHECK(x.to_host() == counted(2).to_host());
  x = tensor(x.owner(), x.data() + 3, rows(1));
  CHECK(x.to_host() == std::vector<float>{3, 4, 5});
}

TEST_CASE("a moved-from tensor is an empty handle") {
  tensor x = counted(2);
  const tensor y = std::move(x);
  CHECK(y.size() == 6);
  CHECK(!x);  // NOLINT: that is what is tested
  CHECK(x.data() == nullptr);
  CHECK(x.size() == 0);
  tensor z;
  z = counted(1);
  x = std::move(z);
  CHECK(x.size() == 3);
  CHECK(!z);  // NOLINT
}

TEST_CASE("an empty handle has no elements, and nothing that is done with it touches memory") {
  mf::tensor<dev, mf::shape<mf::width<3>>> x;
  CHECK(!x);
  CHECK(x.size() == 0);
  CHECK(x.to_host().empty());
  CHECK(!x.clone());
  CHECK(!x.fill(1));
  CHECK(!x.reshaped(mf::shape<mf::samples<3>>{}));
}

TEST_CASE("the same elements with other axes") {
  const tensor x = counted(4);
  const auto square = x.reshaped(mf::shape<mf::rows<2>, mf::columns<>>(6));
  CHECK(square.data() == x.data());
  CHECK(square.dims().to_string() == "[rows 2, columns 6]");
  CHECK(refusal<mf::shape_error>([&] { x.reshaped(mf::shape<mf::rows<5>>{}); }) ==
        "tensor::reshaped: wrong number of elements for [rows 5]; expected 12; got 5");
}

TEST_CASE("wrong sizes are refused") {
  CHECK(refusal<mf::shape_error>([] { tensor(rows{}); }) ==
        "tensor: a shape without elements; expected positive extents; got [batch 0, width 3]");
  const std::vector<float> five(5);
  CHECK(refusal<mf::shape_error>([&] { tensor(rows(2), std::span<const float>(five)); }) ==
        "tensor: wrong number of elements for [batch 2, width 3]; expected 6; got 5");
  CHECK(refusal<mf::device_error>([] {
          mf::tensor<dev, mf::shape<mf::samples<>>>(mf::shape<mf::samples<>>(isize(1) << 50));
        }).find("out of memory") != std::string::npos);
}

TEST_CASE("a refused tensor leaves nothing behind") {
  auto& pool = mf::memory_pool<mf::cpu_memory>::instance();
  const isize before = pool.statistics().in_use;
  const std::vector<float> five(5);
  for (int i = 0; i < 10; ++i) CHECK_THROWS(tensor(rows(2), std::span<const float>(five)));
  CHECK_THROWS((mf::tensor<dev, mf::shape<mf::samples<>>>(mf::shape<mf::samples<>>(isize(1) << 50))));
  CHECK(pool.statistics().in_use == before);
}

TEST_CASE("handles are shared by threads") {
  auto& pool = mf::memory_pool<mf::cpu_memory>::instance();
  const isize before = pool.statistics().in_use;
  {
    const tensor x = counted(50);
    std::vector<std::thread> threads;
    std::vector<double> sums(4);
    for (std::size_t t = 0; t < 4; ++t)
      threads.emplace_back([&x, &sums, t] {
        for (int i = 0; i < 2000; ++i) {
          tensor handle = x;
          const tensor moved = std::move(handle), copy = moved.clone();
          sums[t] += copy.data()[149];
        }
      });
    for (std::thread& each : threads) each.join();
    for (const double sum : sums) CHECK(sum == 2000 * 149);
  }
  CHECK(pool.statistics().in_use == before);
}

TEST_CASE("meta tensors are shapes, in constant expressions") {
  constexpr mf::tensor<mf::meta, mf::shape<mf::tokens<2>, mf::width<3>>> x;
  static_assert(x.size() == 6 && x.count() == nullptr);
  static_assert(x.reshaped(mf::shape<mf::samples<6>>{}).dims().size() == 6);
  CHECK(mf::plain_tensor(x).size() == 6);
}

}  // namespace test_tensor_tensor
