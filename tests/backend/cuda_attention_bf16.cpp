// The kernels of fused attention on tensor cores, without them: their blocks run on the host, thread by thread.
#include "../support/attention_cases.hpp"
#include "../support/emulated_blocks.hpp"

namespace test_backend_cuda_attention_bf16 {

namespace mf = multifuse;
using mf::bf16;
using mf::isize;
using namespace check::attention;

namespace {

using device = check::emulated_gpu<bf16>;

/// Against the definition computed from the same rounded operands, with threads in both orders, which must give the
/// same bits.
void compare(const sizes& n) {
  problem<bf16> found(n), again(n);
  device::descending = false;
  found.compute<device>();
  check_all("emulated", found, reference(problem<bf16>(n)), bf16_tolerance(n));
  device::descending = true;
  again.compute<device>();
  check_same_bits(again, found);
}

}  // namespace

TEST_CASE("attention on tensor cores: heads of several widths") {
  device::processors = 1;
  compare_heads_on_tensor_cores(compare);
}

TEST_CASE("attention on tensor cores beside the borders of tiles") {
  device::processors = 1;
  compare_tokens_on_tensor_cores(compare);
}

TEST_CASE("attention on tensor cores: a handful of queries and many keys, and the other way round, in parts") {
  device::processors = 20;
  compare({1, 2, 4, 300, 8, 8, bias_kind::of_keys, true});
  compare({1, 1, 200, 3, 8, 8, bias_kind::of_queries});
  compare({1, 1, 3, 200, 72, 6, bias_kind::none, true});  // whole parts are hidden
}

TEST_CASE("attention on tensor cores: bias and mask, and their gradients") {
  device::processors = 2;
  compare_biases_on_tensor_cores(compare);
}

TEST_CASE("attention on tensor cores: a query without a key has a normalizer of minus infinity, NaN has not") {
  for (const isize processors : {1, 20}) {
    device::processors = processors;
    check_hidden_queries<device>();
  }
}

TEST_CASE("attention on tensor cores: only the wanted gradients are computed") {
  const sizes n{1, 1, 20, 21, 16, 16};
  problem<bf16> p(n);
  const auto before = p.dv;
  const mf::attention_arguments<bf16> a{1,          1,          20,         21, 16,      16,     p.scale(),
                                        p.q.data(), p.k.data(), p.v.data(), {}, nullptr, nullptr};
  device::attention_forward(a, p.y.data(), p.log_normalizers.data());
  device::attention_backward(
      a, {p.y.data(), p.dy.data(), p.log_normalizers.data(), p.dq.data(), nullptr, nullptr, nullptr});
  problem<bf16> all(n);
  all.compute<device>();
  CHECK(p.dq == all.dq);
  CHECK(p.dv == before);
}

}  // namespace test_backend_cuda_attention_bf16
