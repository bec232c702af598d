#include "../support/attention_reference.hpp"

#include <multifuse/backend/cpu/cpu.hpp>

#include "../support/with_instructions.hpp"

namespace test_backend_cpu_attention {

namespace mf = multifuse;
using mf::isize;
using namespace check::attention;

namespace {

template <class T> void compare(const sizes& n, double tolerance) {
  problem<T> p(n);
  const reference expected(p);
  check::with_all_instructions([&](const char* instructions) {
    auto found = problem<T>(n);
    found.template compute<mf::cpu<T>>();
    check_all(instructions, found, expected, tolerance);
  });
}

}  // namespace

TEST_CASE("attention of heads of many widths against its definition") {
  for (const isize head : {1, 8, 32, 40, 64, 128})
    for (const isize value_head : {head, isize(24)}) {
      compare<float>({1, 2, 30, 45, head, value_head}, 1e-5);
      compare<double>({1, 1, 13, 18, head, value_head}, 1e-13);
    }
}

TEST_CASE("numbers of queries and keys beside the borders of blocks") {
  for (const isize queries : {1, 4, 14, 15, 29, 57})
    for (const isize keys : {1, 8, 9, 16, 17, 33, 257, 300}) compare<float>({1, 2, queries, keys, 16, 16}, 1e-5);
  compare<float>({1, 1, 120, 600, 32, 32}, 1e-5);
  compare<float>({1, 16, 20, 20, 64, 64}, 1e-5);  // rows at distances of a page
}

TEST_CASE("bias and mask, and their gradients") {
  for (const auto bias : {bias_kind::none, bias_kind::of_all, bias_kind::of_heads, bias_kind::of_keys,
                          bias_kind::of_queries, bias_kind::of_item_pairs})
    for (const bool mask : {false, true})
      for (const auto& [queries, keys] : {std::pair<isize, isize>{5, 19}, {40, 7}, {33, 530}}) {
        compare<float>({2, 3, queries, keys, 12, 16, bias, mask}, 2e-5);
        compare<double>({2, 2, queries, keys, 5, 3, bias, mask}, 1e-13);
      }
}

TEST_CASE("scores that overflow an exponential") {
  for (const isize keys : {3, 40, 700}) compare<double>({1, 2, 20, keys, 16, 16, bias_kind::none, false, 1000}, 1e-11);
  problem<float> p({1, 1, 20, 700, 16, 16, bias_kind::none, false, 3e4});
  p.compute<mf::cpu<float>>();
  for (const auto* each : {&p.y, &p.log_normalizers, &p.dq, &p.dk, &p.dv})
    CHECK(std::all_of(each->begin(), each->end(), [](float x) { return std::isfinite(x); }));
}

TEST_CASE_TEMPLATE("attention: any number of threads computes the same bits", T, float, mf::bf16) {
  for (const auto& n :
       {sizes{2, 3, 150, 70, 16, 24, bias_kind::of_heads, true}, sizes{1, 2, 5, 3000, 32, 32},
        sizes{1, 3, 900, 6, 32, 32, bias_kind::of_keys}, sizes{9, 3, 300, 40, 8, 8, bias_kind::of_queries}})
    check::with_all_instructions([&](const char*) {
      problem<T> one(n);
      one.template compute<mf::cpu<T>>();
      for (const isize threads : {2, 3, 7}) {
        problem<T> several(n);
        const mf::scoped_threads spread(threads);
        several.template compute<mf::cpu<T>>();
        check_same_bits(several, one);
      }
    });
}

TEST_CASE_TEMPLATE("a query without a key has a normalizer of minus infinity, NaN has not", T, float, mf::bf16) {
  check::with_all_instructions([](const char*) {
    for (const isize keys : {5, 40}) {
      problem<T> p({1, 1, 20, keys, 8, 8, bias_kind::none, true});
      std::fill(p.mask.begin(), p.mask.end(), T(0.0f));
      p.template compute<mf::cpu<T>>();
      for (const float each : p.log_normalizers) CHECK(each == -INFINITY);
      problem<T> q({1, 1, 20, keys, 8, 8});
      q.q[8] = T(NAN);
      q.template compute<mf::cpu<T>>();
      CHECK(std::isnan(q.log_normalizers[1]));
      CHECK(std::isnan(float(q.y[8])));
      CHECK(std::isfinite(float(q.y[0])));
      CHECK(std::isfinite(float(q.y[16])));
    }
  });
}

TEST_CASE_TEMPLATE("attention: only the wanted gradients are computed, and they are the same", T, float, mf::bf16) {
  const sizes n{1, 2, 20, 40, 16, 16};
  check::with_all_instructions([&](const char*) {
    problem<T> all(n);
    all.template compute<mf::cpu<T>>();
    for (int wanted = 0; wanted < 3; ++wanted) {
      problem<T> p(n);
      mf::attention_gradients<T> g{all.y.data(), p.dy.data(), all.log_normalizers.data(), nullptr, nullptr, nullptr,
                                   nullptr};
      (wanted == 0 ? g.dq : wanted == 1 ? g.dk : g.dv) = (wanted == 0 ? p.dq : wanted == 1 ? p.dk : p.dv).data();
      mf::cpu<T>::attention_backward({n.items, n.heads, n.queries, n.keys, n.head, n.value_head, p.scale(), p.q.data(),
                                      p.k.data(), p.v.data(), {}, nullptr, nullptr},
                                     g);
      CHECK((wanted == 0 ? p.dq == all.dq : wanted == 1 ? p.dk == all.dk : p.dv == all.dv));
    }
  });
}

}  // namespace test_backend_cpu_attention
