#include <multifuse/backend/cpu/cpu.hpp>

#include "../support/attention_reference.hpp"
#include "../support/with_instructions.hpp"

namespace test_backend_cpu_attention_bf16 {

namespace mf = multifuse;
using mf::bf16;
using mf::isize;
using namespace check::attention;

namespace {

/// Calls f for the instructions that have kernels of their own: dot products of pairs, and what is made float.
template <class F> void with_and_without_pairs(const F& f) {
  for (const auto set : {mf::instruction_set::portable, mf::best_instruction_set()}) {
    const check::with_instructions forced{set};
    f(mf::instruction_set_names[int(set)]);
  }
}

/// Against the definition in double from the same rounded operands: results and gradients are rounded once,
/// probabilities and gradients of scores too where they are factors. A bias of queries does not change the result: its
/// gradient is the rounding of y.
void compare(const sizes& n) {
  const double tolerance = n.bias == bias_kind::of_queries ? 4e-2 : 6e-3;
  const problem<bf16> given(n);
  const reference expected(given);
  with_and_without_pairs([&](const char* instructions) {
    auto found = given;
    found.compute<mf::cpu<bf16>>();
    check_all(instructions, found, expected, tolerance);
    check_close("log normalizers", found.log_normalizers, expected.log_normalizers, 2e-6);
  });
}

}  // namespace

TEST_CASE("bf16 attention of heads of many widths against its definition") {
  for (const isize head : {1, 7, 32, 40, 64, 128})
    for (const isize value_head : {head, isize(25)}) compare({1, 2, 30, 45, head, value_head});
}

TEST_CASE("bf16 attention: numbers of queries and keys beside the borders of blocks") {
  for (const isize queries : {1, 15, 57})
    for (const isize keys : {1, 8, 17, 33, 257, 300}) compare({1, 2, queries, keys, 16, 16});
  compare({2, 1, 120, 600, 32, 32});
  compare({1, 16, 20, 20, 128, 128});  // rows at distances of a page
}

TEST_CASE("bf16 attention: bias and mask, and their gradients") {
  for (const auto bias : {bias_kind::none, bias_kind::of_all, bias_kind::of_heads, bias_kind::of_keys,
                          bias_kind::of_queries, bias_kind::of_item_pairs})
    for (const bool mask : {false, true})
      for (const auto& [queries, keys] : {std::pair<isize, isize>{5, 19}, {40, 7}, {33, 530}})
        compare({2, 3, queries, keys, 12, 16, bias, mask});
}

}  // namespace test_backend_cpu_attention_bf16
