#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <multifuse/tensor/memory_branches.hpp>
#include <string>
#include <thread>
#include <vector>

namespace test_tensor_memory_pool {

namespace mf = multifuse;

namespace {

/// A device of 64 KiB that knows what it gave away.
template <int Number> struct small_memory {
  static constexpr std::size_t capacity = 65536;
  inline static std::map<void*, std::size_t> given;

  static std::size_t used() {
    std::size_t bytes = 0;
    for (const auto& [address, size] : given) bytes += size;
    return bytes;
  }
  static void* allocate(std::size_t bytes) {
    if (used() + bytes > capacity)
      throw mf::device_error("small memory", "out of memory", std::to_string(bytes) + " bytes", "fewer");
    void* const address = std::malloc(bytes);
    given[address] = bytes;
    return address;
  }
  static void release(void* address) {
    given.erase(address);
    std::free(address);
  }
};

}  // namespace

TEST_CASE("memory that was given back is handed out again") {
  using memory = small_memory<1>;
  auto& pool = mf::memory_pool<memory>::instance();
  for (int round = 0; round < 10; ++round) {
    const mf::storage<memory> a(1000), b(1000), c(5000);
    CHECK(a.address() != b.address());
    CHECK(pool.statistics().system_allocations == 3);
    CHECK(pool.statistics().in_use >= 7000);
  }
  CHECK(pool.statistics().in_use == 0);
  CHECK(pool.statistics().peak >= 7000);
}

TEST_CASE("copies share a block, which returns with the last of them") {
  using memory = small_memory<2>;
  auto& pool = mf::memory_pool<memory>::instance();
  mf::storage<memory> first(100);
  {
    const mf::storage<memory> second = first;
    CHECK(second.address() == first.address());
    first = {};
    CHECK(pool.statistics().in_use > 0);
  }
  CHECK(pool.statistics().in_use == 0);
}

TEST_CASE("a block is at least as large as asked, and at most an eighth larger") {
  using memory = small_memory<3>;
  auto& pool = mf::memory_pool<memory>::instance();
  for (std::size_t bytes = 1; bytes < 20000; bytes += bytes / 7 + 1) {
    const mf::storage<memory> block(bytes);
    const auto in_use = std::size_t(pool.statistics().in_use);
    CHECK(in_use >= bytes);
    if (bytes > 64) CHECK(double(in_use) <= 1.125 * double(bytes) + 8);
    pool.release_unused();
  }
  CHECK(memory::given.size() == 1);  // the last one was held while the pool was asked
  pool.release_unused();
  CHECK(memory::given.empty());
}

TEST_CASE("size classes: eight for each power of two, with the boundaries where they should be") {
  struct pretended_memory {  // no pool reads or writes what it hands out
    static void* allocate(std::size_t bytes) { return reinterpret_cast<void*>(bytes); }
    static void release(void*) {}
  };
  using storage = mf::storage<pretended_memory>;
  const auto class_of = [](std::size_t bytes) { return reinterpret_cast<std::size_t>(storage(bytes).address()); };
  CHECK(class_of(0) == 64);
  CHECK(class_of(1) == 64);
  std::size_t previous = 64;
  for (std::size_t power = 64; power <= std::size_t(1) << 60; power *= 2)
    for (std::size_t step = 1; step <= 8; ++step) {
      const std::size_t boundary = power + power / 8 * step;
      REQUIRE(class_of(previous + 1) == boundary);
      REQUIRE(class_of(boundary - 1) == boundary);
      REQUIRE(class_of(boundary) == boundary);
      previous = boundary;
    }
  CHECK(mf::memory_pool<pretended_memory>::instance().statistics().in_use == 0);
}

TEST_CASE("what was held at most is remembered until it is reset") {
  using memory = small_memory<5>;
  auto& pool = mf::memory_pool<memory>::instance();
  { const mf::storage<memory> a(1024), b(2048); }
  CHECK(pool.statistics().peak == 3072);
  const mf::storage<memory> c(64);
  CHECK(pool.statistics().peak == 3072);
  pool.reset_peak();
  CHECK(pool.statistics().peak == 64);
}

TEST_CASE("storage moves, swaps with itself and can be empty") {
  using memory = small_memory<6>;
  using storage = mf::storage<memory>;
  storage a(100), empty;
  CHECK(!empty);
  CHECK(empty.address() == nullptr);
  void* const address = a.address();
  storage b = std::move(a);
  CHECK(b.address() == address);
  CHECK(!a);  // NOLINT: that is what is tested
  const storage& same = b;
  b = same;
  CHECK(b.address() == address);
  b = storage();
  CHECK(mf::memory_pool<memory>::instance().statistics().in_use == 0);
}

TEST_CASE("many more blocks of one size than ever before go back without asking for memory") {
  struct memory {
    static void* allocate(std::size_t bytes) { return std::malloc(bytes); }
    static void release(void* address) { std::free(address); }
  };
  auto& pool = mf::memory_pool<memory>::instance();
  std::vector<mf::storage<memory>> held;
  for (int i = 0; i < 1000; ++i) held.emplace_back(100);
  CHECK(pool.statistics().system_allocations == 1000);
  held.clear();
  for (int i = 0; i < 1000; ++i) held.emplace_back(100);
  CHECK(pool.statistics().system_allocations == 1000);
  held.clear();
  pool.release_unused();
  CHECK(pool.statistics().in_use == 0);
}

TEST_CASE("unused blocks of other sizes make room where memory runs out") {
  using memory = small_memory<4>;
  auto& pool = mf::memory_pool<memory>::instance();
  { const mf::storage<memory> a(30000), b(20000); }
  CHECK(memory::used() >= 50000);
  const mf::storage<memory> kept(8000);
  const mf::storage<memory> large(40000);
  CHECK(large.address() != nullptr);
  CHECK_THROWS_AS(mf::storage<memory>(40000), mf::device_error);
  CHECK(pool.statistics().in_use == mf::isize(memory::used()));  // nothing got lost on the way
  const mf::storage<memory> small(100);
  CHECK(small.address() != nullptr);
}

TEST_CASE("releasing what is unused while others take and give back") {
  struct memory {
    static void* allocate(std::size_t bytes) { return std::malloc(bytes); }
    static void release(void* address) { std::free(address); }
  };
  auto& pool = mf::memory_pool<memory>::instance();
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 20000; ++i) {
        const mf::storage<memory> block(std::size_t(64 + i % 5 * 100));
        *static_cast<volatile char*>(block.address()) = char(i);
      }
    });
  for (int i = 0; i < 2000; ++i) pool.release_unused();
  for (std::thread& each : threads) each.join();
  CHECK(pool.statistics().in_use == 0);
}

TEST_CASE("reserved memory goes to nobody else, even when it was given back, until the reservation ends") {
  using memory = small_memory<20>;
  auto& pool = mf::memory_pool<memory>::instance();
  mf::storage<memory> before(1000);
  void* const earlier = before.address();
  void *first = nullptr, *second = nullptr;
  mf::storage<memory> result;
  {
    mf::memory_reservation<memory> reservation;
    {
      const mf::memory_reservation<memory>::opened open(reservation);
      CHECK_THROWS_AS(mf::memory_reservation<memory>::opened{reservation}, mf::argument_error);
      before = {};  // free for all, and so for the reservation
      {
        const mf::storage<memory> a(1000), b(1000);
        first = a.address(), second = b.address();
      }
      const mf::storage<memory> again(1000);
      CHECK((again.address() == first || again.address() == second));  // its own blocks are used several times
      result = mf::storage<memory>(500);
    }
    CHECK((first == earlier || second == earlier));
    CHECK(reservation.bytes() >= 2500);
    const mf::storage<memory> other(1000), another(1000);
    for (const auto* one : {&other, &another}) CHECK((one->address() != first && one->address() != second));
    pool.release_unused();
    CHECK(memory::given.count(first) == 1);
  }
  const mf::storage<memory> a(1000), b(1000);
  for (const auto* one : {&a, &b}) CHECK((one->address() == first || one->address() == second));
  const void* const held = result.address();
  result = {};
  CHECK(mf::storage<memory>(500).address() == held);
}

TEST_CASE("what is given back in a branch goes to others at the end of all branches") {
  using memory = small_memory<7>;
  using storage = mf::storage<memory>;
  auto& pool = mf::memory_pool<memory>::instance();
  void *outside = nullptr, *inside = nullptr;
  {
    storage before(100);
    outside = before.address();
    mf::memory_branches<memory> branches;
    CHECK(mf::memory_branches<memory>::inside());
    CHECK_THROWS_AS(mf::memory_branches<memory>(), mf::argument_error);
    before = {};
    inside = storage(100).address();
    CHECK(inside != outside);  // an earlier branch may still read it
    CHECK(storage(100).address() == inside);
    branches.begin_next();
    const storage other(100);
    CHECK(other.address() != inside);
    CHECK(other.address() != outside);
    pool.release_unused();
    CHECK(memory::given.size() == 3);  // the device may still use them
  }
  CHECK(!mf::memory_branches<memory>::inside());
  const storage first(100), second(100), third(100);
  CHECK(pool.statistics().system_allocations == 3);
  CHECK((first.address() == outside || second.address() == outside || third.address() == outside));
}

TEST_CASE("blocks that are kept for a recorded pass wait in its branches as well") {
  using memory = small_memory<8>;
  using storage = mf::storage<memory>;
  mf::memory_reservation<memory> reservation;
  const mf::memory_reservation<memory>::opened open(reservation);
  {
    mf::memory_branches<memory> branches;
    void* const first = storage(100).address();
    CHECK(storage(100).address() == first);
    branches.begin_next();
    CHECK(storage(100).address() != first);
  }
  CHECK(reservation.bytes() == 2 * 104);
  const storage first(100), second(100);
  CHECK(reservation.bytes() == 2 * 104);
}

}  // namespace test_tensor_memory_pool
