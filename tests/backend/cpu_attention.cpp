#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/core/random.hpp>
#include <numeric>
#include <vector>

namespace mf = multifuse;
using mf::isize;

namespace {

enum class bias_kind { none, of_all, of_heads, of_keys, of_queries };

struct sizes {
  isize items, heads, queries, keys, head, value_head;
  bias_kind bias = bias_kind::none;
  bool mask = false;
  double magnitude = 1;  ///< of queries, and so of scores
};

template <class T> std::vector<T> draw(std::uint64_t stream, isize n, double scale = 1) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (isize i = 0; i < n; ++i) x[std::size_t(i)] = T(scale * mf::normal({3, stream}, i));
  return x;
}

/// Operands of one attention and room for what it computes. Gradients begin with 1, because they are added to.
template <class T> struct problem {
  sizes n;
  std::vector<T> q, k, v, bias, mask, dy, y, log_normalizers, dq, dk, dv, dbias;
  std::vector<isize> item_bias;
  mf::detail::bias_view<T> view;

  explicit problem(const sizes& s)
      : n(s),
        q(draw<T>(1, s.items * s.queries * s.heads * s.head, s.magnitude)),
        k(draw<T>(2, s.items * s.keys * s.heads * s.head)),
        v(draw<T>(3, s.items * s.keys * s.heads * s.value_head)),
        dy(draw<T>(4, s.items * s.queries * s.heads * s.value_head)),
        y(dy.size(), T(NAN)),
        log_normalizers(std::size_t(s.items * s.heads * s.queries), T(NAN)),
        dq(q.size(), 1),
        dk(k.size(), 1),
        dv(v.size(), 1) {
    isize of_item = 0;
    if (n.bias == bias_kind::of_all)
      view = {nullptr, n.queries * n.keys, n.keys, 1}, of_item = n.heads * n.queries * n.keys;
    if (n.bias == bias_kind::of_heads) view = {nullptr, n.queries * n.keys, n.keys, 1};
    if (n.bias == bias_kind::of_keys) view = {nullptr, 0, 0, 1}, of_item = n.keys;
    if (n.bias == bias_kind::of_queries) view = {nullptr, 0, 1, 0};
    if (n.bias != bias_kind::none) {
      for (isize item = 0; item < n.items; ++item) item_bias.push_back(item * of_item);
      bias = draw<T>(
          5, item_bias.back() + view.head * (n.heads - 1) + view.query * (n.queries - 1) + view.key * (n.keys - 1) + 1);
      bias[bias.size() / 2] = -3;
      dbias.assign(bias.size(), 1);
      view.first = bias.data();
    }
    if (n.mask) {  // the first keys are hidden, and some others; the last is not
      mask.assign(std::size_t(n.items * n.keys), 1);
      for (isize item = 0; item < n.items; ++item)
        for (isize j = 0; j + 1 < n.keys; ++j)
          if (j < n.keys / 2 || (j + item) % 3 == 0) mask[std::size_t(item * n.keys + j)] = 0;
    }
  }
  T scale() const { return T(0.9 / std::sqrt(double(n.head))); }

  void compute() {
    const mf::attention_arguments<T> a{n.items,
                                       n.heads,
                                       n.queries,
                                       n.keys,
                                       n.head,
                                       n.value_head,
                                       scale(),
                                       q.data(),
                                       k.data(),
                                       v.data(),
                                       view,
                                       item_bias.data(),
                                       n.mask ? mask.data() : nullptr};
    mf::cpu<T>::attention_forward(a, y.data(), log_normalizers.data());
    mf::cpu<T>::attention_backward(a, {y.data(), dy.data(), log_normalizers.data(), dq.data(), dk.data(), dv.data(),
                                       dbias.empty() ? nullptr : dbias.data()});
  }

  double bias_at(isize item, isize head, isize i, isize j) const {
    return bias.empty() ? 0 : double(bias[bias_place(item, head, i, j)]);
  }
  std::size_t bias_place(isize item, isize head, isize i, isize j) const {
    return std::size_t(item_bias[std::size_t(item)] + head * view.head + i * view.query + j * view.key);
  }
};

/// The definition, one number after the other.
struct reference {
  std::vector<double> y, log_normalizers, dq, dk, dv, dbias;

  template <class T>
  explicit reference(const problem<T>& p)
      : y(p.y.size(), 0),
        log_normalizers(p.log_normalizers.size(), 0),
        dq(p.dq.size(), 1),
        dk(p.dk.size(), 1),
        dv(p.dv.size(), 1),
        dbias(p.dbias.size(), 1) {
    const sizes& n = p.n;
    std::vector<double> w(std::size_t(n.keys)), dw(std::size_t(n.keys));
    for (isize item = 0; item < n.items; ++item)
      for (isize h = 0; h < n.heads; ++h)
        for (isize i = 0; i < n.queries; ++i) {
          const auto place = [&](isize row, isize rows, isize width) {
            return std::size_t(((item * rows + row) * n.heads + h) * width);
          };
          const std::size_t at_q = place(i, n.queries, n.head), at_y = place(i, n.queries, n.value_head);
          double most = -INFINITY, total = 0, expected = 0;
          for (isize j = 0; j < n.keys; ++j) {
            double score = 0;
            for (std::size_t c = 0; c < std::size_t(n.head); ++c)
              score += double(p.q[at_q + c]) * double(p.k[place(j, n.keys, n.head) + c]);
            w[std::size_t(j)] = score * double(p.scale()) + p.bias_at(item, h, i, j);
            if (n.mask && p.mask[std::size_t(item * n.keys + j)] == 0) w[std::size_t(j)] = -INFINITY;
            most = std::max(most, w[std::size_t(j)]);
          }
          for (double& each : w) total += each = std::exp(each - most);
          log_normalizers[std::size_t((item * n.heads + h) * n.queries + i)] = most + std::log(total);
          for (std::size_t j = 0; j < w.size(); ++j) {
            const std::size_t at_v = place(isize(j), n.keys, n.value_head);
            w[j] /= total;
            dw[j] = 0;
            for (std::size_t c = 0; c < std::size_t(n.value_head); ++c) {
              const double dout = double(p.dy[at_y + c]);
              y[at_y + c] += w[j] * double(p.v[at_v + c]);
              dw[j] += dout * double(p.v[at_v + c]);
              dv[at_v + c] += w[j] * dout;
            }
            expected += w[j] * dw[j];
          }
          for (std::size_t j = 0; j < w.size(); ++j) {
            const double ds = w[j] * (dw[j] - expected);
            const std::size_t at_k = place(isize(j), n.keys, n.head);
            if (!dbias.empty()) dbias[p.bias_place(item, h, i, isize(j))] += ds;
            for (std::size_t c = 0; c < std::size_t(n.head); ++c) {
              dq[at_q + c] += ds * double(p.scale()) * double(p.k[at_k + c]);
              dk[at_k + c] += ds * double(p.scale()) * double(p.q[at_q + c]);
            }
          }
        }
  }
};

template <class T>
void check(const char* what, const std::vector<T>& got, const std::vector<double>& expected, double tolerance) {
  double worst = 0, size = 1;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double off = std::abs(double(got[i]) - expected[i]);
    worst = off <= worst ? worst : off;  // NaN wins
    size = std::max(size, std::abs(expected[i]));
  }
  INFO(what);
  CHECK(worst <= tolerance * size);
}

/// The kernels of one set of instructions, for as long as it lives.
struct with_instructions {
  mf::instruction_set before = mf::instructions_in_use();
  explicit with_instructions(mf::instruction_set set) { mf::use_instructions(set); }
  ~with_instructions() { mf::use_instructions(before); }
};

template <class T> void compare(const sizes& n, double tolerance) {
  problem<T> p(n);
  const reference expected(p);
  for (int set = 0; set <= int(mf::best_instruction_set()); ++set) {
    const with_instructions forced{mf::instruction_set(set)};
    auto found = problem<T>(n);
    found.compute();
    INFO(mf::instruction_set_names[set] << ": " << n.items << " x " << n.heads << " heads of " << n.head << " and "
                                        << n.value_head << ", " << n.queries << " queries, " << n.keys << " keys, bias "
                                        << int(n.bias) << ", mask " << n.mask);
    check("y", found.y, expected.y, tolerance);
    check("log normalizers", found.log_normalizers, expected.log_normalizers, tolerance);
    check("dq", found.dq, expected.dq, tolerance);
    check("dk", found.dk, expected.dk, tolerance);
    check("dv", found.dv, expected.dv, tolerance);
    check("dbias", found.dbias, expected.dbias, tolerance);
  }
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
  for (const auto bias :
       {bias_kind::none, bias_kind::of_all, bias_kind::of_heads, bias_kind::of_keys, bias_kind::of_queries})
    for (const bool mask : {false, true})
      for (const auto& [queries, keys] : {std::pair<isize, isize>{5, 19}, {40, 7}, {33, 530}}) {
        compare<float>({2, 3, queries, keys, 12, 16, bias, mask}, 2e-5);
        compare<double>({2, 2, queries, keys, 5, 3, bias, mask}, 1e-13);
      }
}

TEST_CASE("scores that overflow an exponential") {
  for (const isize keys : {3, 40, 700}) compare<double>({1, 2, 20, keys, 16, 16, bias_kind::none, false, 1000}, 1e-11);
  problem<float> p({1, 1, 20, 700, 16, 16, bias_kind::none, false, 3e4});
  p.compute();
  for (const auto* each : {&p.y, &p.log_normalizers, &p.dq, &p.dk, &p.dv})
    CHECK(std::all_of(each->begin(), each->end(), [](float x) { return std::isfinite(x); }));
}

TEST_CASE("any number of threads computes the same bits") {
  for (const auto& n :
       {sizes{2, 3, 150, 70, 16, 24, bias_kind::of_heads, true}, sizes{1, 2, 5, 3000, 32, 32},
        sizes{1, 3, 900, 6, 32, 32, bias_kind::of_keys}, sizes{3, 2, 300, 40, 8, 8, bias_kind::of_queries}}) {
    problem<float> one(n);
    one.compute();
    for (const isize threads : {2, 3, 7}) {
      problem<float> several(n);
      const mf::scoped_threads spread(threads);
      several.compute();
      CHECK(several.y == one.y);
      CHECK(several.log_normalizers == one.log_normalizers);
      CHECK(several.dq == one.dq);
      CHECK(several.dk == one.dk);
      CHECK(several.dv == one.dv);
      CHECK(several.dbias == one.dbias);
    }
  }
}

TEST_CASE("a query without a key has a normalizer of minus infinity, NaN has not") {
  for (const isize keys : {5, 40}) {
    problem<float> p({1, 1, 20, keys, 8, 8, bias_kind::none, true});
    std::fill(p.mask.begin(), p.mask.end(), 0.0f);
    p.compute();
    for (const float each : p.log_normalizers) CHECK(each == -INFINITY);
    problem<float> q({1, 1, 20, keys, 8, 8});
    q.q[8] = NAN;
    q.compute();
    CHECK(std::isnan(q.log_normalizers[1]));
    CHECK(std::isnan(q.y[8]));
    CHECK(std::isfinite(q.y[0]));
    CHECK(std::isfinite(q.y[16]));
  }
}

TEST_CASE("only the wanted gradients are computed, and they are the same") {
  const sizes n{1, 2, 20, 40, 16, 16};
  problem<float> all(n);
  all.compute();
  for (int wanted = 0; wanted < 3; ++wanted) {
    problem<float> p(n);
    p.y = all.y;
    mf::attention_gradients<float> g{all.y.data(), p.dy.data(), all.log_normalizers.data(), nullptr, nullptr,
                                     nullptr,      nullptr};
    (wanted == 0 ? g.dq : wanted == 1 ? g.dk : g.dv) = (wanted == 0 ? p.dq : wanted == 1 ? p.dk : p.dv).data();
    mf::cpu<float>::attention_backward({n.items,
                                        n.heads,
                                        n.queries,
                                        n.keys,
                                        n.head,
                                        n.value_head,
                                        p.scale(),
                                        p.q.data(),
                                        p.k.data(),
                                        p.v.data(),
                                        {},
                                        nullptr,
                                        nullptr},
                                       g);
    CHECK((wanted == 0 ? p.dq == all.dq : wanted == 1 ? p.dk == all.dk : p.dv == all.dv));
  }
}
