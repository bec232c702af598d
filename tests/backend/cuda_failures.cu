// What goes wrong on a GPU gives an exception, and the process goes on. What leaves no device behind runs in a process
// of its own: a test that is skipped in this one.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/backend/cuda/cuda.hpp>
#include <multifuse/ops/reduce.hpp>
#include <string>
#include <vector>

namespace {

namespace mf = multifuse;
using mf::isize;
using device = mf::cuda<float>;
using numbers = mf::shape<mf::samples<>>;

template <class D> double sum_of_ones() {
  mf::tensor<D, numbers> x(numbers(1000));
  return double(mf::sum(x.fill(1)).to_host().at(0));
}

/// The name of CUDA's code for what a call throws; empty if nothing.
template <class Call> std::string failure_of(const Call& call) {
  try {
    call();
  } catch (const mf::cuda_error& failure) {
    return failure.code();
  }
  return "";
}

/// Runs one test case in a process of its own; its exit status.
int alone(const std::string& environment, const std::string& test_case) {
  char path[4096] = {};
  REQUIRE(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
  return std::system(("MULTIFUSE_ALONE=1 " + environment + " '" + path + "' --no-skip --test-case='" + test_case +
                      "' | grep -q 'test cases: *1 . *1 passed'")
                         .c_str());
}

struct write_anywhere {
  float* to;
  MULTIFUSE_HD void operator()(isize, isize) const { *to = 1; }
};

/// Wants more shared memory than there is.
struct greedy_kernel {
  static constexpr int threads = 32;
  static constexpr std::size_t shared_bytes = std::size_t(1) << 24;
  template <class Block> MULTIFUSE_DEVICE void operator()(const Block&) const {}
};

}  // namespace

TEST_CASE("failure: out of memory, and the next call has memory") {
  auto& pool = mf::memory_pool<mf::cuda_memory>::instance();
  const auto before = pool.statistics().in_use;
  const mf::tensor<device, numbers> kept = mf::tensor<device, numbers>(numbers(100)).fill(3);
  CHECK(failure_of([] { mf::tensor<device, numbers>(numbers(isize(1) << 42)); }) == "cudaErrorMemoryAllocation");
  CHECK(sum_of_ones<device>() == 1000);
  CHECK(kept.to_host() == std::vector<float>(100, 3.0f));
  CHECK(pool.statistics().in_use <= before + 512);
}

TEST_CASE("failure: a device that is not there, or another one than before") {
  CHECK(sum_of_ones<device>() == 1000);
  CHECK(failure_of([] { mf::select_cuda_device(mf::cuda_device_count()); }) == "cudaErrorInvalidDevice");
  CHECK(sum_of_ones<device>() == 1000);
  CHECK_NOTHROW(mf::select_cuda_device(0));
  if (mf::cuda_device_count() > 1) CHECK_THROWS_AS(mf::select_cuda_device(1), mf::argument_error);
  CHECK(sum_of_ones<device>() == 1000);
}

TEST_CASE("failure: a kernel that the device cannot start") {
  CHECK(failure_of([] { device::run_blocks(1, greedy_kernel{}); }) == "cudaErrorInvalidValue");
  CHECK(sum_of_ones<device>() == 1000);
}

TEST_CASE("failure: no device, and a kernel that fails, in processes of their own") {
  CHECK(alone("CUDA_VISIBLE_DEVICES=-1", "alone: no device") == 0);
  CHECK(alone("", "alone: a kernel fails") == 0);
}

TEST_CASE("alone: no device" * doctest::skip()) {
  CHECK(mf::cuda_device_count() == 0);
  for (int round = 0; round < 2; ++round) {
    CHECK(failure_of([] { mf::tensor<device, numbers>(numbers(4)); }) != "");  // no device, or no driver
    CHECK(failure_of([] { mf::select_cuda_device(0); }) != "");
  }
  CHECK(sum_of_ones<mf::cpu<float>>() == 1000);
}

TEST_CASE("alone: a kernel fails" * doctest::skip()) {
  const mf::tensor<device, numbers> kept = mf::tensor<device, numbers>(numbers(100)).fill(3);
  device::for_each(1, 1, write_anywhere{reinterpret_cast<float*>(16)});
  CHECK(failure_of([] { mf::synchronize(); }) == "cudaErrorIllegalAddress");
  // CUDA gives a process no second device after that: every call says so, and the host goes on
  CHECK(failure_of([&] { (void)kept.to_host(); }) != "");
  CHECK(failure_of([] { mf::tensor<device, numbers>(numbers(isize(1) << 20)); }) != "");
  CHECK(sum_of_ones<mf::cpu<float>>() == 1000);
}
