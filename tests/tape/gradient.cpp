#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/tape/gradient.hpp>

namespace test_tape_gradient {

namespace mf = multifuse;

namespace {
using dev = mf::cpu<float>;
using row = mf::shape<mf::width<3>>;
using sink = mf::gradient_sink<dev, row>;

mf::tensor<dev, row> numbers(float a, float b, float c) { return {row{}, std::vector<float>{a, b, c}}; }
}  // namespace

TEST_CASE("a sink without a slot wants nothing and has nothing") {
  const sink none;
  CHECK(!none);
  CHECK(!none.current());
  CHECK(!none.take());
}

TEST_CASE("the first contribution is written, later ones are added") {
  mf::gradient_slot<dev> slot;
  const sink to(&slot, row{});
  CHECK(bool(to));
  CHECK(!to.current());  // asked for, but nothing arrived
  auto target = to.open();
  CHECK(target.beta == 0);
  for (int i = 0; i < 3; ++i) target.data[i] = float(i);
  target = to.open();
  CHECK(target.beta == 1);
  CHECK(to.current().to_host() == std::vector<float>{0, 1, 2});
}

TEST_CASE("memory to add to is zero at first and kept afterwards") {
  mf::gradient_slot<dev> slot;
  const sink to(&slot, row{});
  float* data = to.add_to();
  for (int i = 0; i < 3; ++i) CHECK(data[i] == 0);
  data[1] = 5;
  CHECK(to.add_to()[1] == 5);
  slot.filled = false;  // forgotten: what is in the memory does not count
  CHECK(to.add_to()[1] == 0);
}

TEST_CASE("a contribution in memory of its own is taken over, or added") {
  mf::gradient_slot<dev> slot;
  const sink to(&slot, row{});
  const auto first = numbers(1, 2, 3);
  to.give(first);
  CHECK(to.current().data() == first.data());
  to.give(numbers(10, 20, 30));
  CHECK(to.current().to_host() == std::vector<float>{11, 22, 33});
  slot.filled = false;
  to.give(numbers(7, 8, 9));
  CHECK(to.current().to_host() == std::vector<float>{7, 8, 9});
  CHECK(to.current().data() == first.data());  // memory that is there stays: it may lie in a larger buffer
}

TEST_CASE("taking a gradient forgets it and its memory") {
  auto& pool = mf::memory_pool<mf::cpu_memory>::instance();
  const mf::isize before = pool.statistics().in_use;
  mf::gradient_slot<dev> slot;
  const sink to(&slot, row{});
  to.add_to()[0] = 4;
  CHECK(to.take().to_host() == std::vector<float>{4, 0, 0});
  CHECK(!to.take());
  CHECK(to.open().beta == 0);
  slot = {};
  CHECK(pool.statistics().in_use == before);
}

}  // namespace test_tape_gradient
