// Fused attention on a GPU against its definition; the same kernels run on the host in cuda_attention.cpp.
#include <multifuse/backend/cuda/cuda.hpp>

#include "../support/attention_reference.hpp"

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
  CHECK(again.y == found.y);
  CHECK(again.dq == found.dq);
  CHECK(again.dk == found.dk);
  CHECK(again.dv == found.dv);
  CHECK(again.dbias == found.dbias);
}

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
  for (const auto bias : {bias_kind::none, bias_kind::of_all, bias_kind::of_heads, bias_kind::of_keys,
                          bias_kind::of_queries, bias_kind::of_item_pairs})
    for (const bool mask : {false, true}) {
      compare<float>({4, 3, 70, 130, 12, 16, bias, mask}, 5e-5);
      compare<double>({4, 2, 4, 300, 5, 3, bias, mask}, 1e-12);
    }
}
