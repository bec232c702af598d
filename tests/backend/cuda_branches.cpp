// Streams of a model in queues of their own, on a stand-in for a GPU whose work is done later and in an awkward order.
#include <doctest/doctest.h>

#include <multifuse/fusion/stage.hpp>
#include <multifuse/layers/linear.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/ops/reduce.hpp>

#include "../support/queued_device.hpp"

namespace test_backend_cuda_branches {

namespace mf = multifuse;
using mf::isize;

namespace {

struct one { static constexpr std::string_view name = "one"; };
struct two { static constexpr std::string_view name = "two"; };
struct three { static constexpr std::string_view name = "three"; };
using list = mf::streams<one, two, three>;
using tokens = mf::shape<mf::batch<>, mf::tokens<>, mf::width<8>>;

/// A block whose tokens see each other, and which takes memory and gives it back.
template <class D> struct small_block {
  using device = D;
  static constexpr isize width_of_tokens = 8;
  mf::linear<D, 8, 8> first, second;
  constexpr void members(auto&& visit) { visit("first", first), visit("second", second); }
  template <class X> auto operator()(const X& x) const {
    return second(mf::tanh(first(mf::tanh(first(x))) + mf::mean<mf::tokens_axis>(x)));
  }
  template <class X, class Seen> auto operator()(const X& x, const Seen&) const { return (*this)(x); }
};

using device = check::queued<float>;
using check::turns;
using check::work_queues;

/// Outputs of a stage, whose streams meet between its layers, and gradients of all parameters.
std::vector<float> computed(bool at_once, turns order = {}) {
  mf::stage<2, mf::bottleneck_fusion<small_block<device>, 2>>::over<list> model;
  mf::initialize(model, 3);
  const auto input = [](isize length, float start) {
    std::vector<float> values;
    for (isize i = 0; i < 2 * length * 8; ++i) values.push_back(start + 0.01f * float(i % 31));
    return mf::tensor<device, tokens>(tokens(2, length), values);
  };
  const auto b = mf::bundle_of<one, two, three>(input(5, 0.1f), input(5, -0.2f), input(5, 0.3f));
  work_queues::at_once_allowed = at_once;
  work_queues::order_of_work = order;
  work_queues::most_with_work = 0;
  const auto plain = model(b);
  mf::tape tape;
  const auto recorded = model(mf::record(tape, b));
  recorded.for_each_value([](const auto& y) { mf::seed_gradient(y, y.value()); });
  work_queues::wait();
  CHECK(std::exchange(work_queues::most_with_work, 0) == (at_once ? 3 : 1));
  tape.run_backward();
  work_queues::wait();
  CHECK(work_queues::most_with_work == (at_once ? 3 : 1));
  work_queues::at_once_allowed = false;
  std::vector<float> found;
  const auto add = [&](const auto& x) {
    for (const float value : x.to_host()) found.push_back(value);
  };
  plain.for_each_value(add);
  mf::for_each_member(model, [&](auto& leaf) { add(leaf.gradient()); });
  return found;
}

constexpr turns all_turns[] = {turns::first_queue_first, turns::last_queue_first, turns::a_piece_of_each};

}  // namespace

TEST_CASE("streams in queues of their own give the same bits as one after another") {
  const auto expected = computed(false);
  for (const turns order : all_turns) {
    CHECK(computed(true, order) == expected);
  }
}

TEST_CASE("they would not, if one stream took memory that another one gave back") {
  const auto expected = computed(false);
  check::careless_at_will::careless = true;
  CHECK(computed(true, turns::a_piece_of_each) != expected);
  check::careless_at_will::careless = false;
}

TEST_CASE("parts of parts follow one another, and a failure inside leaves the first queue current") {
  work_queues::at_once_allowed = true;
  {
    device::branches parts(2);
    parts.next();
    parts.next();
    const isize inside = work_queues::current();
    CHECK(inside != 0);
    device::branches nested(3);
    for (int i = 0; i < 3; ++i) nested.next();
    CHECK(work_queues::current() == inside);
  }
  CHECK(work_queues::current() == 0);
  const auto fail = [] {
    device::branches parts(3);
    parts.next();
    parts.next();
    throw mf::device_error("", "", "", "");
  };
  CHECK_THROWS_AS(fail(), mf::device_error);
  CHECK(work_queues::current() == 0);
  CHECK(!mf::memory_branches<check::lasting_memory<0>>::inside());
  work_queues::at_once_allowed = false;
  work_queues::wait();
}

TEST_CASE("a backward pass that fails in one of its parts ends them when its tape is cleared") {
  work_queues::at_once_allowed = true;
  mf::tape tape;
  {
    mf::detail::recorded_parts<device> parts(tape, 2);
    parts.next();
    tape.record([] { throw mf::device_error("", "", "", ""); });
    parts.next();
    parts.end();
  }
  CHECK(work_queues::current() == 0);
  CHECK_THROWS_AS(tape.run_backward(), mf::device_error);
  CHECK(work_queues::current() == 1);
  tape.clear();
  CHECK(work_queues::current() == 0);
  CHECK(device::branches::at_once());
  work_queues::at_once_allowed = false;
  work_queues::wait();
}

}  // namespace test_backend_cuda_branches
