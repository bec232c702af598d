#include <doctest/doctest.h>

#include <array>
#include <multifuse/tape/tape.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace test_tape_tape {

namespace mf = multifuse;

namespace {

/// Counts how many of its kind live.
struct tracked {
  inline static int alive = 0;
  int number;
  explicit tracked(int n) : number(n) { ++alive; }
  tracked(const tracked& other) : number(other.number) { ++alive; }
  tracked(tracked&& other) noexcept : number(other.number) { ++alive; }
  tracked& operator=(const tracked&) = default;
  ~tracked() { --alive; }
};

}  // namespace

TEST_CASE("steps run in reverse, once") {
  mf::tape tape;
  std::string order;
  for (const char name : {'a', 'b', 'c'}) tape.record([&order, name] { order += name; });
  CHECK(order.empty());
  tape.run_backward();
  CHECK(order == "cba");
  tape.run_backward();
  CHECK(order == "cba");
}

TEST_CASE("each step lets go of what it held as soon as it has run") {
  mf::tape tape;
  std::string alive;
  for (int i = 0; i < 3; ++i) tape.record([t = tracked(i), &alive] { alive += std::to_string(tracked::alive) + " "; });
  CHECK(tracked::alive == 3);
  tape.run_backward();
  CHECK(alive == "3 2 1 ");
  CHECK(tracked::alive == 0);
}

TEST_CASE("what is kept stays at its address until the tape is cleared") {
  {
    mf::tape tape;
    std::array<tracked*, 100> kept{};
    for (int i = 0; i < 100; ++i) kept.at(std::size_t(i)) = tape.keep(tracked(i));
    tape.record([] {});
    tape.run_backward();
    for (int i = 0; i < 100; ++i) CHECK(kept.at(std::size_t(i))->number == i);
    CHECK(tracked::alive == 100);
    tape.clear();
    CHECK(tracked::alive == 0);
    tape.keep(tracked(1));
    tape.record([t = tracked(2)] { (void)t; });
    CHECK(tracked::alive == 2);
  }
  CHECK(tracked::alive == 0);  // a tape clears itself in the end
}

TEST_CASE("memory is reused from pass to pass, also by nodes larger than what is left of a chunk") {
  mf::tape tape;
  struct large {
    std::array<char, 40000> bytes{};
  };
  large* first = tape.keep(large{});
  large* second = tape.keep(large{});  // does not fit behind the first
  large* third = tape.keep(large{});
  CHECK(first != second);
  second->bytes.back() = 1;
  third->bytes.front() = 2;
  CHECK(second->bytes.back() == 1);
  for (int pass = 0; pass < 3; ++pass) {
    tape.clear();
    CHECK(tape.keep(large{}) == first);
    CHECK(tape.keep(large{}) == second);
    CHECK(tape.keep(large{}) == third);
  }
}

TEST_CASE("objects of every alignment lie where they may") {
  mf::tape tape;
  for (int i = 0; i < 10; ++i) {
    tape.keep(char('a'));
    CHECK(reinterpret_cast<std::uintptr_t>(tape.keep(double(1))) % alignof(double) == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(tape.keep((long double)(1))) % alignof(long double) == 0);
  }
}

TEST_CASE("a step that throws is released, and the tape can be cleared or run on") {
  for (const bool clear : {false, true}) {
    mf::tape tape;
    int ran = 0;
    tape.record([t = tracked(1), &ran] { (void)t, ++ran; });
    tape.record([t = tracked(2)] { (void)t, throw std::runtime_error("in the middle"); });
    tape.record([t = tracked(3), &ran] { (void)t, ++ran; });
    CHECK_THROWS_AS(tape.run_backward(), std::runtime_error);
    CHECK(ran == 1);
    CHECK(tracked::alive == 1);
    if (clear)
      tape.clear();
    else
      tape.run_backward();
    CHECK(ran == (clear ? 1 : 2));
    CHECK(tracked::alive == 0);
  }
}

TEST_CASE("an object whose move throws is not recorded") {
  struct refuses_to_move {
    explicit refuses_to_move() = default;
    refuses_to_move(refuses_to_move&&) { throw std::runtime_error("no"); }
    void operator()() const {}
  };
  mf::tape tape;
  int ran = 0;
  tape.record([&ran] { ++ran; });
  CHECK_THROWS_AS(tape.record(refuses_to_move{}), std::runtime_error);
  CHECK_THROWS_AS(tape.keep(refuses_to_move{}), std::runtime_error);
  tape.run_backward();
  CHECK(ran == 1);
}

TEST_CASE("a step may record another one") {
  mf::tape tape;
  std::string order;
  tape.record([&] { order += "first "; });
  tape.record([&] { tape.record([&] { order += "late "; }); });
  tape.run_backward();
  CHECK(order == "late first ");
}

TEST_CASE("uses of a stream are counted apart, and anew in each pass") {
  mf::tape tape;
  CHECK(tape.count_use(7) == 0);
  CHECK(tape.count_use(7) == 1);
  CHECK(tape.count_use(8) == 0);
  CHECK(tape.count_use(7) == 2);
  tape.clear();
  CHECK(tape.count_use(7) == 0);
}

TEST_CASE("a part of a pass that is repeated counts its uses as it did before") {
  mf::tape tape;
  tape.count_use(7);
  const std::size_t place = tape.place();
  const auto part = [&] { return std::array{tape.count_use(7), tape.count_use(8), tape.count_use(7)}; };
  const auto first = part();
  CHECK(first == std::array<mf::isize, 3>{1, 0, 2});
  tape.count_use(7);
  CHECK(!tape.repeating());
  tape.repeat(place, [&] {
    CHECK(tape.repeating());
    CHECK(tape.place() == place);
    CHECK(part() == first);
  });
  CHECK_THROWS_AS(tape.repeat(place, [&] { tape.count_use(8); }), mf::argument_error);
  CHECK(!tape.repeating());
  CHECK(tape.count_use(7) == 4);
}

TEST_CASE("without steps: nothing is recorded, nothing is held") {
  mf::tape tape;
  int ran = 0;
  CHECK_THROWS_AS(tape.without_steps([&] {
    tape.record([t = tracked(1), &ran] { (void)t, ++ran; });
    CHECK(tracked::alive == 0);
    throw std::runtime_error("in the middle");
  }), std::runtime_error);
  tape.record([&ran] { ran += 10; });
  tape.run_backward();
  CHECK(ran == 10);
}

TEST_CASE("options hold until the next pass") {
  mf::tape tape({.training = true, .random = {1, 2}});
  CHECK(tape.training());
  tape.clear();
  CHECK(tape.training());
  tape.restart({});
  CHECK(!tape.training());
  CHECK(tape.random().seed == 0);
  static_assert(!std::is_copy_constructible_v<mf::tape> && !std::is_move_constructible_v<mf::tape>);
}

}  // namespace test_tape_tape
