#pragma once
#include "attention_reference.hpp"

/// Cases for the kernels of fused attention on a GPU, wherever they run.
namespace check::attention {

inline constexpr bias_kind all_biases[] = {bias_kind::none,    bias_kind::of_all,     bias_kind::of_heads,
                                           bias_kind::of_keys, bias_kind::of_queries, bias_kind::of_item_pairs};

/// Gradients of a bias of queries are sums that cancel, of numbers that are as wrong as a rounded result.
inline double bf16_tolerance(const sizes& n) { return n.bias == bias_kind::of_queries ? 1.5e-2 : 6e-3; }

/// For tiles of 16 or 64 rows and 64 columns, and results and depths of 64 or 128 that are held in shared memory.
template <class Compare> void compare_heads_on_tensor_cores(const Compare& compare) {
  for (const isize head : {8, 32, 40, 64, 128}) compare(sizes{1, 1, 20, 21, head, head});
  compare(sizes{1, 1, 5, 70, 128, 24});
  compare(sizes{1, 1, 70, 5, 3, 66});    // no whole vectors
  compare(sizes{1, 1, 20, 70, 200, 8});  // more than is held
  compare(sizes{1, 1, 3, 130, 8, 136});  // several results
}
template <class Compare> void compare_tokens_on_tensor_cores(const Compare& compare) {
  for (const isize queries : {1, 17, 65})
    for (const isize keys : {1, 4, 17, 64, 65}) compare(sizes{1, 1, queries, keys, 8, 16});
  compare(sizes{1, 2, 5, 130, 16, 16});
  compare(sizes{2, 1, 130, 130, 16, 8});
}
template <class Compare> void compare_biases_on_tensor_cores(const Compare& compare) {
  for (const auto bias : all_biases) {
    compare(sizes{2, 1, 18, 19, 8, 8, bias});
    compare(sizes{2, 2, 3, 70, 8, 8, bias, true});
  }
  compare(sizes{2, 1, 66, 70, 72, 8, bias_kind::of_keys, true});
  compare(sizes{2, 1, 66, 70, 8, 8, bias_kind::of_queries});
}

/// Normalizers of queries without a key, with and without parts of the keys.
template <class D> void check_hidden_queries() {
  using T = typename D::scalar;
  for (const isize head : {4, 16}) {
    problem<T> hidden({1, 1, 2, 130, head, head, bias_kind::none, true});
    std::fill(hidden.mask.begin(), hidden.mask.end(), T(0.0f));
    hidden.template compute<D>();
    for (const auto each : hidden.log_normalizers) CHECK(each == -INFINITY);
    for (const auto each : hidden.y) CHECK(double(each) == 0);
    for (const auto* gradient : {&hidden.dq, &hidden.dk, &hidden.dv})
      for (const auto each : *gradient) CHECK(double(each) == 1);
    problem<T> broken({1, 1, 2, 130, head, head});
    broken.q[std::size_t(head)] = T(float(NAN));
    broken.template compute<D>();
    CHECK(std::isnan(double(broken.log_normalizers[1])));
    CHECK(std::isnan(double(broken.y[std::size_t(head)])));
    CHECK(std::isfinite(double(broken.y[0])));
  }
}

}  // namespace check::attention
