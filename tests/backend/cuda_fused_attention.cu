// Fused attention on a GPU against its definition; the same kernels run on the host in cuda_attention.cpp and
// cuda_attention_bf16.cpp.
#include <multifuse/backend/cuda/cuda.hpp>

#include "../support/attention_cases.hpp"

namespace {

namespace mf = multifuse;
using mf::isize;
using namespace check::attention;

/// Against the definition; a second run gives the same bits.
template <class T> void compare(const sizes& n, double tolerance) {
  problem<T> found(n), again(n);
  const reference expected(found);
  found.template compute<mf::cuda<T>>();
  check_all("cuda", found, expected, tolerance);
  again.template compute<mf::cuda<T>>();
  check_same_bits(again, found);
}

void compare_bf16(const sizes& n) { compare<mf::bf16>(n, bf16_tolerance(n)); }

}  // namespace

TEST_CASE("fused attention on a GPU: heads of many widths") {
  for (const isize head : {1, 3, 32, 40, 64, 96, 128, 200}) {
    compare<float>({2, 2, 70, 90, head, head}, 2e-5);
    compare<double>({1, 2, 35, 70, head, 24}, 1e-12);
  }
}

TEST_CASE("fused attention on a GPU: numbers of queries and keys beside the borders of tiles") {
  for (const isize queries : {1, 8, 16, 17, 64, 65, 200})
    for (const isize keys : {1, 4, 16, 17, 64, 65, 300}) compare<float>({1, 2, queries, keys, 32, 32}, 2e-5);
}

TEST_CASE("fused attention on a GPU: a handful of queries or keys beside many, in parts") {
  compare<float>({1, 3, 4, 3000, 64, 64}, 2e-5);
  compare<float>({1, 3, 3000, 4, 64, 64}, 5e-5);
  compare<float>({1, 2, 5, 1000, 24, 40, bias_kind::of_keys, true}, 2e-5);
}

TEST_CASE("fused attention on a GPU: bias and mask, and their gradients") {
  for (const auto bias : all_biases)
    for (const bool mask : {false, true}) {
      compare<float>({4, 3, 70, 130, 12, 16, bias, mask}, 5e-5);
      compare<double>({4, 2, 4, 300, 5, 3, bias, mask}, 1e-12);
    }
}

TEST_CASE("fused attention on a GPU: a query without a key has a normalizer of minus infinity, NaN has not") {
  check_hidden_queries<mf::cuda<float>>();
  check_hidden_queries<mf::cuda<mf::bf16>>();
}

TEST_CASE("fused attention on a GPU: tensor cores") {
  compare_heads_on_tensor_cores(compare_bf16);
  compare_tokens_on_tensor_cores(compare_bf16);
  compare_biases_on_tensor_cores(compare_bf16);
}

TEST_CASE("fused attention on a GPU: tensor cores, sizes of models and parts of the keys") {
  for (const isize head : {32, 64, 128}) {
    compare_bf16({2, 2, 200, 300, head, head});
    compare_bf16({1, 2, 4, 3000, head, head});
    compare_bf16({1, 2, 3000, 4, head, head});
  }
  compare_bf16({1, 2, 5, 1000, 24, 40, bias_kind::of_keys, true});
  compare_bf16({2, 3, 200, 130, 64, 64, bias_kind::of_all, true});
}
