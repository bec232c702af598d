// The kernels of fused attention on tensor cores, without them: their blocks run on the host, thread by thread.
#include "../support/attention_reference.hpp"
#include "../support/emulated_blocks.hpp"

namespace mf = multifuse;
using mf::bf16;
using mf::isize;
using namespace check::attention;

namespace {

using device = check::emulated_gpu<bf16>;

/// Against the definition computed from the same rounded operands, with threads in both orders, which must give the same
/// bits.
void compare(const sizes& n, isize multiprocessors = 1) {
  device::processors = multiprocessors;
  problem<bf16> found(n), again(n);
  device::descending = false;
  found.compute<device>();
  check_all("emulated", found, reference(problem<bf16>(n)), 1e-2);
  device::descending = true;
  again.compute<device>();
  CHECK(again.y == found.y);
  CHECK(again.log_normalizers == found.log_normalizers);
  CHECK(again.dq == found.dq);
  CHECK(again.dk == found.dk);
  CHECK(again.dv == found.dv);
  CHECK(again.dbias == found.dbias);
}

}  // namespace

TEST_CASE("attention on tensor cores: heads of several widths") {
  for (const isize head : {8, 32, 40, 64, 128}) compare({1, 2, 20, 21, head, head});
}
