// The parity program: every description of tests/device on a GPU against the CPU, as a table. Returns 77 where no GPU
// answers.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cstdio>
#include <cstdlib>

#include "../device/parity.hpp"

namespace mf = multifuse;

int main(int argc, char** argv) {
  // tests that need a process of their own run one without a device, see cuda_failures.cu
  if (std::getenv("MULTIFUSE_ALONE") == nullptr && mf::cuda_device_count() == 0) {
    std::puts("skipped: no CUDA device answers");
    return 77;
  }
  doctest::Context context(argc, argv);
  const int result = context.run();
  if (context.shouldExit()) return result;
  std::puts("\n| description | largest deviation from the CPU | two runs agree |\n|---|---|---|");
  for (const check::parity_row& row : check::parity_table())
    std::printf("| %s | %.1e | %s |\n", row.name.c_str(), row.worst, row.repeats ? "yes" : "NO");
  return result;
}
