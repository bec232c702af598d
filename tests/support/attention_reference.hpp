#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <multifuse/core/random.hpp>
#include <multifuse/tensor/attention_arguments.hpp>
#include <multifuse/tensor/tensor.hpp>
#include <string>
#include <type_traits>
#include <vector>

/// Fused attention of any backend against its definition.
namespace check::attention {

namespace mf = multifuse;
using mf::isize;

enum class bias_kind { none, of_all, of_heads, of_keys, of_queries, of_item_pairs };

struct sizes {
  isize items, heads, queries, keys, head, value_head;
  bias_kind bias = bias_kind::none;
  bool mask = false;
  double magnitude = 1;  ///< of queries, and so of scores
};

template <class T> std::vector<T> draw(std::uint64_t stream, isize n, double scale = 1) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (isize i = 0; i < n; ++i) x[std::size_t(i)] = T(mf::compute_type<T>(scale * mf::normal({3, stream}, i)));
  return x;
}

/// Operands of one attention and room for what it computes. Gradients begin with 1, because they are added to.
template <class T> struct problem {
  sizes n;
  using number = mf::compute_type<T>;
  std::vector<T> q, k, v, bias, mask, dy, y, dq, dk, dv, dbias;
  std::vector<number> log_normalizers;
  std::vector<isize> item_bias;
  mf::detail::bias_view<T> view;

  explicit problem(const sizes& s)
      : n(s),
        q(draw<T>(1, s.items * s.queries * s.heads * s.head, s.magnitude)),
        k(draw<T>(2, s.items * s.keys * s.heads * s.head)),
        v(draw<T>(3, s.items * s.keys * s.heads * s.value_head)),
        dy(draw<T>(4, s.items * s.queries * s.heads * s.value_head)),
        y(dy.size(), T(number(NAN))),
        dq(q.size(), T(1.0f)),
        dk(k.size(), T(1.0f)),
        dv(v.size(), T(1.0f)),
        log_normalizers(std::size_t(s.items * s.heads * s.queries), number(NAN)) {
    isize of_item = 0;
    if (n.bias == bias_kind::of_all)
      view = {nullptr, n.queries * n.keys, n.keys, 1}, of_item = n.heads * n.queries * n.keys;
    if (n.bias == bias_kind::of_heads) view = {nullptr, n.queries * n.keys, n.keys, 1};
    if (n.bias == bias_kind::of_keys) view = {nullptr, 0, 0, 1}, of_item = n.keys;
    if (n.bias == bias_kind::of_queries) view = {nullptr, 0, 1, 0};
    if (n.bias == bias_kind::of_item_pairs)
      view = {nullptr, 0, n.keys, 1}, of_item = n.queries * n.keys;  // as of windows
    if (n.bias != bias_kind::none) {
      for (isize item = 0; item < n.items; ++item)
        item_bias.push_back((n.bias == bias_kind::of_item_pairs ? item % 2 : item) * of_item);
      bias = draw<T>(5, *std::max_element(item_bias.begin(), item_bias.end()) + view.head * (n.heads - 1) +
                            view.query * (n.queries - 1) + view.key * (n.keys - 1) + 1);
      bias[bias.size() / 2] = T(-3.0f);
      dbias.assign(bias.size(), T(1.0f));
      view.first = bias.data();
    }
    if (n.mask) {  // the first keys are hidden, and some others; the last is not
      mask.assign(std::size_t(n.items * n.keys), T(1.0f));
      for (isize item = 0; item < n.items; ++item)
        for (isize j = 0; j + 1 < n.keys; ++j)
          if (j < n.keys / 2 || (j + item) % 3 == 0) mask[std::size_t(item * n.keys + j)] = T(0.0f);
    }
  }
  number scale() const { return number(0.9 / std::sqrt(double(n.head))); }

  /// On a backend, with copies of the operands in its memory.
  template <class D> void compute() {
    using elements = mf::shape<mf::samples<>>;
    using on_device = mf::tensor<D, elements>;
    using numbers_on_device = mf::tensor<mf::compute_device<D>, elements>;
    const auto copied = [](const std::vector<T>& x) {
      return x.empty() ? on_device() : on_device(elements(isize(x.size())), x);
    };
    const numbers_on_device numbers(elements(isize(log_normalizers.size())), log_normalizers);
    const on_device device_q = copied(q), device_k = copied(k), device_v = copied(v), device_bias = copied(bias),
                    device_mask = copied(mask), device_dy = copied(dy), device_y = copied(y), to_q = copied(dq),
                    to_k = copied(dk), to_v = copied(dv), to_bias = copied(dbias);
    mf::detail::bias_view<T> device_view = view;
    device_view.first = device_bias.data();
    const mf::attention_arguments<T> a{n.items,         n.heads,         n.queries,       n.keys,      n.head,
                                       n.value_head,    scale(),         device_q.data(), device_k.data(),
                                       device_v.data(), device_view,     bias.empty() ? nullptr : item_bias.data(),
                                       device_mask.data()};
    D::attention_forward(a, device_y.data(), numbers.data());
    D::attention_backward(a, {device_y.data(), device_dy.data(), numbers.data(), to_q.data(), to_k.data(), to_v.data(),
                              to_bias.data()});
    y = device_y.to_host(), log_normalizers = numbers.to_host();
    dq = to_q.to_host(), dk = to_k.to_host(), dv = to_v.to_host(), dbias = to_bias.to_host();
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

  template <class T> explicit reference(const problem<T>& p)
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
void check_close(const char* what, const std::vector<T>& got, const std::vector<double>& expected, double tolerance) {
  double worst = 0, size = 1;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double off = std::abs(double(got[i]) - expected[i]);
    worst = off <= worst ? worst : off;  // NaN wins
    size = std::max(size, std::abs(expected[i]));
  }
  INFO(what);
  CHECK(worst <= tolerance * size);
}

/// What a backend found, against the definition.
template <class T>
void check_all(const char* backend, const problem<T>& found, const reference& expected, double tolerance) {
  const sizes& n = found.n;
  INFO(backend << ": " << n.items << " x " << n.heads << " heads of " << n.head << " and " << n.value_head << ", "
               << n.queries << " queries, " << n.keys << " keys, bias " << int(n.bias) << ", mask " << n.mask);
  check_close("y", found.y, expected.y, tolerance);
  check_close("log normalizers", found.log_normalizers, expected.log_normalizers,
              std::is_same_v<T, mf::compute_type<T>> ? tolerance : 2e-5);
  check_close("dq", found.dq, expected.dq, tolerance);
  check_close("dk", found.dk, expected.dk, tolerance);
  check_close("dv", found.dv, expected.dv, tolerance);
  check_close("dbias", found.dbias, expected.dbias, tolerance);
}

/// A second run gave the same bits.
template <class T> void check_same_bits(const problem<T>& again, const problem<T>& found) {
  CHECK(again.y == found.y);
  CHECK(again.log_normalizers == found.log_normalizers);
  CHECK(again.dq == found.dq);
  CHECK(again.dk == found.dk);
  CHECK(again.dv == found.dv);
  CHECK(again.dbias == found.dbias);
}

}  // namespace check::attention
