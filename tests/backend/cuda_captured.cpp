#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/backend/cuda/captured.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <vector>

namespace test_backend_cuda_captured {

namespace mf = multifuse;
using mf::isize;

namespace {

using device = mf::cpu<float>;
using rows = mf::tensor<device, mf::shape<mf::batch<>, mf::width<2>>>;

struct recorder_counts {
  int recorded = 0, replayed = 0;
  isize setting = 0;
  bool holds = false, fails = false;
};

/// Counts what is asked of it. Replaying does nothing: a pass that returns its input returns what was copied there.
struct counting_recorder {
  inline static recorder_counts now;

  template <class Work> void record(const Work& work) {
    if (now.fails) throw mf::device_error("recorder", "fails", "", "");
    CHECK(!now.holds);
    ++now.recorded;
    now.holds = true;
    work();
  }
  void replay() {
    CHECK(now.holds);
    ++now.replayed;
  }
  void forget() { now.holds = false; }
  static isize setting() { return now.setting; }
};

rows counted(isize n, float first) {
  std::vector<float> values;
  for (isize i = 0; i < 2 * n; ++i) values.push_back(first + float(i));
  return {mf::shape<mf::batch<>, mf::width<2>>(n), values};
}

struct same_pass {
  int* calls;
  rows operator()(const rows& x, const rows&) const {
    ++*calls;
    return x;
  }
};
struct doubling_pass {
  auto operator()(const rows& x) const { return x + x; }
};

}  // namespace

TEST_CASE("a captured pass is done once and then replayed with other inputs, until an extent changes") {
  counting_recorder::now = {};
  int calls = 0;
  mf::detail::captured_pass<counting_recorder, same_pass, rows, rows> fast(same_pass{&calls});
  const auto check = [&](isize n, isize m, float first, int recorded, int replayed) {
    const rows x = counted(n, first);
    CHECK(fast(x, counted(m, 0)).to_host() == x.to_host());
    CHECK(counting_recorder::now.recorded == recorded);
    CHECK(counting_recorder::now.replayed == replayed);
    CHECK(calls == 2 * recorded);  // done, and recorded
    CHECK(fast.recordings() == recorded);
  };
  check(3, 1, 10, 1, 0);
  check(3, 1, 20, 1, 1);
  check(3, 1, 30, 1, 2);
  check(4, 1, 40, 2, 2);
  check(4, 1, 50, 2, 3);
  check(4, 2, 50, 3, 3);  // every input counts
  check(3, 1, 60, 4, 3);
  counting_recorder::now.setting = 1;
  check(3, 1, 70, 5, 3);
  fast.forget();
  CHECK(!counting_recorder::now.holds);
  check(3, 1, 80, 6, 3);
  check(3, 1, 90, 6, 4);
}

TEST_CASE("what a captured pass reads stays in its own memory") {
  counting_recorder::now = {};
  int calls = 0;
  mf::detail::captured_pass<counting_recorder, same_pass, rows, rows> fast(same_pass{&calls});
  const rows x = counted(2, 1);
  (void)fast(x, x);
  const float* const inside = fast(x, x).data();
  CHECK(inside != x.data());
  CHECK(fast(counted(2, 5), x).data() == inside);
  CHECK(x.to_host() == counted(2, 1).to_host());
}

TEST_CASE("a result of a captured pass may be its next input") {
  counting_recorder::now = {};
  int calls = 0;
  mf::detail::captured_pass<counting_recorder, same_pass, rows, rows> fast(same_pass{&calls});
  for (const float first : {1.0f, 5.0f}) {
    const rows& result = fast(counted(2, first), counted(1, 0));
    CHECK(fast(result, counted(1, 0)).to_host() == counted(2, first).to_host());
    CHECK(fast(fast(counted(3, first), counted(1, 0)), counted(2, 0)).to_host() == counted(3, first).to_host());
  }
}

TEST_CASE("a pass that could not be recorded is done and recorded at the next call") {
  counting_recorder::now = {};
  counting_recorder::now.fails = true;
  int calls = 0;
  mf::detail::captured_pass<counting_recorder, same_pass, rows, rows> fast(same_pass{&calls});
  const rows x = counted(2, 1);
  CHECK_THROWS_AS((void)fast(x, x), mf::device_error);
  counting_recorder::now.fails = false;
  (void)fast(x, x);
  CHECK(fast.recordings() == 1);
  CHECK(counting_recorder::now.replayed == 0);
  CHECK_THROWS_AS((void)fast(rows(), x), mf::argument_error);
}

TEST_CASE("an expression that a pass returns is computed") {
  counting_recorder::now = {};
  mf::detail::captured_pass<counting_recorder, doubling_pass, rows> fast(doubling_pass{});
  CHECK(fast(counted(1, 3)).to_host() == std::vector<float>{6, 8});
}

}  // namespace test_backend_cuda_captured
