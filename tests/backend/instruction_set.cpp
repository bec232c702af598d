#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <vector>

#include "../support/with_instructions.hpp"

namespace test_backend_instruction_set {

namespace mf = multifuse;
using mf::isize;

TEST_CASE("instructions that the processor lacks, or that do not exist, are refused") {
  CHECK(mf::instructions_in_use() <= mf::best_instruction_set());
  for (int set = int(mf::best_instruction_set()) + 1; set < int(std::size(mf::instruction_set_names)); ++set)
    CHECK_THROWS_AS(mf::use_instructions(mf::instruction_set(set)), mf::argument_error);
  const char* const before = std::getenv("MULTIFUSE_INSTRUCTIONS");
  const std::string kept = before ? before : "";
  setenv("MULTIFUSE_INSTRUCTIONS", "sse9", 1);
  CHECK_THROWS_AS(mf::detail::requested_instruction_set(), mf::argument_error);
  setenv("MULTIFUSE_INSTRUCTIONS", "portable", 1);
  CHECK(mf::detail::requested_instruction_set() == mf::instruction_set::portable);
  before ? setenv("MULTIFUSE_INSTRUCTIONS", kept.c_str(), 1) : unsetenv("MULTIFUSE_INSTRUCTIONS");
}

namespace {
struct square_kernel {
  const float* from;
  float* to;
  isize columns;
  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const isize place = row * columns + column;
    to[place] = from[place] * from[place];
  }
};
}  // namespace

TEST_CASE("loops of every set of instructions reach each element once") {
  check::with_all_instructions([](const char*) {
    for (const isize rows : {0, 1, 3})
      for (const isize columns : {0, 1, 15, 16, 17, 67}) {
        std::vector<float> from(std::size_t(rows * columns) + 1), to(from.size(), -1);
        for (std::size_t i = 0; i < from.size(); ++i) from[i] = float(i) / 4;
        mf::cpu<float>::for_each(rows, columns, square_kernel{from.data(), to.data(), columns});
        for (std::size_t i = 0; i + 1 < from.size(); ++i) REQUIRE(to[i] == from[i] * from[i]);
        REQUIRE(to.back() == -1);
      }
  });
}

}  // namespace test_backend_instruction_set
