#include <multifuse/backend/cpu/cpu.hpp>

#include "../support/attention_reference.hpp"

namespace test_backend_cpu_attention_bf16 {

namespace mf = multifuse;
using mf::bf16;
using mf::isize;
using namespace check::attention;

namespace {

struct with_instructions {
  mf::instruction_set before = mf::instructions_in_use();
  explicit with_instructions(mf::instruction_set set) { mf::use_instructions(set); }
  ~with_instructions() { mf::use_instructions(before); }
};

/// Calls f for the instructions that have kernels of their own: dot products of pairs, and what is made float.
template <class F> void with_and_without_pairs(const F& f) {
  for (const auto set : {mf::instruction_set::portable, mf::best_instruction_set()}) {
    const with_instructions forced{set};
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

void check_same_bits(const problem<bf16>& other, const problem<bf16>& one) {
  CHECK(other.y == one.y);
  CHECK(other.log_normalizers == one.log_normalizers);
  CHECK(other.dq == one.dq);
  CHECK(other.dk == one.dk);
  CHECK(other.dv == one.dv);
  CHECK(other.dbias == one.dbias);
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

TEST_CASE("any number of threads computes the same bits of bf16 attention") {
  for (const auto& n : {sizes{2, 3, 150, 70, 16, 24, bias_kind::of_heads, true}, sizes{1, 2, 5, 3000, 32, 32},
                        sizes{9, 3, 300, 40, 8, 8, bias_kind::of_queries}})
    with_and_without_pairs([&](const char*) {
      problem<bf16> one(n);
      one.compute<mf::cpu<bf16>>();
      for (const isize threads : {2, 7}) {
        problem<bf16> several(n);
        const mf::scoped_threads spread(threads);
        several.compute<mf::cpu<bf16>>();
        check_same_bits(several, one);
      }
    });
}

TEST_CASE("bf16 attention: a query without a key has a normalizer of minus infinity, NaN has not") {
  with_and_without_pairs([](const char*) {
    for (const isize keys : {5, 40}) {
      problem<bf16> p({1, 1, 20, keys, 8, 8, bias_kind::none, true});
      std::fill(p.mask.begin(), p.mask.end(), bf16(0.0f));
      p.compute<mf::cpu<bf16>>();
      for (const float each : p.log_normalizers) CHECK(each == -INFINITY);
      problem<bf16> q({1, 1, 20, keys, 8, 8});
      q.q[8] = bf16(NAN);
      q.compute<mf::cpu<bf16>>();
      CHECK(std::isnan(q.log_normalizers[1]));
      CHECK(std::isnan(float(q.y[8])));
      CHECK(std::isfinite(float(q.y[0])));
      CHECK(std::isfinite(float(q.y[16])));
    }
  });
}

TEST_CASE("bf16 attention: only the wanted gradients are computed, and they are the same") {
  const sizes n{1, 2, 20, 40, 16, 16};
  with_and_without_pairs([&](const char*) {
    problem<bf16> all(n);
    all.compute<mf::cpu<bf16>>();
    for (int wanted = 0; wanted < 3; ++wanted) {
      problem<bf16> p(n);
      mf::attention_gradients<bf16> g{all.y.data(), p.dy.data(), all.log_normalizers.data(), nullptr, nullptr, nullptr,
                                      nullptr};
      (wanted == 0 ? g.dq : wanted == 1 ? g.dk : g.dv) = (wanted == 0 ? p.dq : wanted == 1 ? p.dk : p.dv).data();
      mf::cpu<bf16>::attention_backward({n.items, n.heads, n.queries, n.keys, n.head, n.value_head, p.scale(),
                                         p.q.data(), p.k.data(), p.v.data(), {}, nullptr, nullptr},
                                        g);
      CHECK((wanted == 0 ? p.dq == all.dq : wanted == 1 ? p.dk == all.dk : p.dv == all.dv));
    }
  });
}

}  // namespace test_backend_cpu_attention_bf16
