// The stand-in for a GPU notices what it is there for.
#include "../support/strict_device.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <multifuse/tensor/tensor.hpp>

namespace test_backend_strict_device {

namespace mf = multifuse;
using mf::isize;
using device = check::strict<float>;
using samples = mf::shape<mf::samples<>>;

namespace {

/// True if the program would not survive a step.
template <class Step> bool ends_the_program(Step step) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);  // without the reports of doctest and sanitizers
    step();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

struct last_one_wins {
  float* to;
  MULTIFUSE_HD void operator()(isize, isize column) const { to[0] = float(column); }
};

}  // namespace

TEST_CASE("the host cannot read or write the memory of the strict device, its primitives can") {
  const mf::tensor<device, samples> x{samples(4)};
  CHECK(ends_the_program([&] { *const_cast<volatile float*>(x.data()) = 1; }));
  CHECK(ends_the_program([&] { (void)*static_cast<const volatile float*>(x.data()); }));
  CHECK(!ends_the_program([&] { device::fill(x.data(), 4, 1); }));
  device::fill(x.data(), 4, 3);
  CHECK(x.to_host() == std::vector<float>{3, 3, 3, 3});
}

TEST_CASE("elements that were never written are NaN") {
  const mf::tensor<device, samples> x{samples(100000)};
  const auto values = x.to_host();
  CHECK(values.front() != values.front());
  CHECK(values.back() != values.back());
}

TEST_CASE("calls of a kernel that write one element give another result than on the CPU") {
  const mf::tensor<device, samples> there{samples(1)};
  const mf::tensor<mf::cpu<float>, samples> here{samples(1)};
  device::for_each(1, 5, last_one_wins{there.data()});
  mf::cpu<float>::for_each(1, 5, last_one_wins{here.data()});
  CHECK(there.to_host() != here.to_host());
}

TEST_CASE("products in layouts that a GPU's library does not take are refused") {
  const auto x = mf::zeros<device>(samples(64));
  CHECK_THROWS_AS(device::multiply(1, 2, 3, 4, 1, {x.data(), 2, 0}, {x.data(), 3, 0}, 0, {x.data() + 32, 3, 0}),
                  mf::argument_error);
  CHECK_NOTHROW(device::multiply(1, 2, 3, 4, 1, {x.data(), 4, 0}, {x.data(), 3, 0}, 0, {x.data() + 32, 3, 0}));
}

}  // namespace test_backend_strict_device
