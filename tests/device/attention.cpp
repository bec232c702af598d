#include "../described/attention.hpp"
#include "../support/attention_reference.hpp"
#include "parity.hpp"

TEST_CASE("attention on another device") {
  check::parity<described::plain_attention_example>();
  check::parity<described::self_attention_example>();
  check::parity<described::biased_attention_example>();
  check::parity<described::bias_ranks_example>();
}

#ifdef __CUDACC__  // the same kernels run on the host in backend/cuda_attention.cpp
namespace {

using namespace check::attention;

template <class T> void compare(const sizes& n, double tolerance) {
  problem<T> found(n);
  const reference expected(found);
  found.template compute<mf::cuda<T>>();
  check_all("cuda", found, expected, tolerance);
}

}  // namespace

TEST_CASE("fused attention of another device against its definition") {
  for (const isize head : {1, 3, 32, 40, 64, 96, 128, 200}) {
    compare<float>({2, 2, 70, 90, head, head}, 2e-5);
    compare<double>({1, 2, 35, 70, head, 24}, 1e-12);
  }
  for (const isize queries : {1, 8, 16, 17, 64, 65, 200})
    for (const isize keys : {1, 4, 16, 17, 64, 65, 300}) compare<float>({1, 2, queries, keys, 32, 32}, 2e-5);
  compare<float>({1, 3, 4, 5000, 64, 64}, 2e-5);  // keys in parts
  compare<float>({1, 3, 5000, 4, 64, 64}, 2e-5);  // queries in parts
  for (const auto bias : {bias_kind::none, bias_kind::of_all, bias_kind::of_heads, bias_kind::of_keys,
                          bias_kind::of_queries, bias_kind::of_item_pairs})
    for (const bool mask : {false, true}) {
      compare<float>({4, 3, 70, 130, 12, 16, bias, mask}, 5e-5);
      compare<double>({4, 2, 4, 300, 5, 3, bias, mask}, 1e-12);
    }
}
#endif
