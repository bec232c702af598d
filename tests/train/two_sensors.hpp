#pragma once
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/linear.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/tape/members.hpp>

/// A small regression problem with two modalities: y = tanh(a) b over the axes, from vectors a and b.
namespace two_sensors {

namespace mf = multifuse;

template <class D, mf::isize In, mf::isize Out> struct layer {
  mf::parameter<D, mf::outputs<Out>, mf::inputs<In>> weight{mf::init::xavier_uniform(In, Out)};
  mf::parameter<D, mf::outputs<Out>> bias{mf::init::zeros()};
  constexpr void members(auto&& visit) { visit("weight", weight), visit("bias", bias); }
  constexpr auto operator()(const auto& x) const { return mf::apply(mf::linear_op<layer>{}, x, weight, bias); }
};

/// Each modality has its own layer; the fused vector gives one number.
template <class D> struct model {
  layer<D, 3, 5> first;
  layer<D, 2, 5> second;
  layer<D, 5, 1> head;
  mf::buffer<D, mf::width<1>> seen{mf::init::zeros()};  // steps seen in training
  mf::random_stream noise;
  constexpr void members(auto&& visit) {
    visit("first", first), visit("second", second), visit("head", head);
    visit("seen", seen), visit("noise", noise);
  }
  auto operator()(const auto& a, const auto& b) const {
    if constexpr (mf::is_variable<std::remove_cvref_t<decltype(a)>>)
      if (a.recorder().training()) seen.value().data()[0] += 1;
    return head(mf::tanh(first(a)) + mf::tanh(second(b)));
  }
};

/// Mean of squared differences, a single number.
struct squared_error_op {
  constexpr auto shape(const auto&, const auto&) const { return mf::shape<>{}; }
  constexpr double flops(const auto&, const auto& x, const auto&) const { return 3.0 * double(x.size()); }
  template <class D, class R, class S>
  void forward(const mf::tensor<D, R>& y, const mf::tensor<D, S>& x, const mf::tensor<D, S>& target) const {
    typename D::scalar total = 0;
    for (mf::isize i = 0; i < x.size(); ++i) {
      const auto off = x.data()[i] - target.data()[i];
      total += off * off;
    }
    y.data()[0] = total / typename D::scalar(x.size());
  }
  template <class D, class R, class S>
  void backward(const mf::tensor<D, R>& dy, const mf::tensor<D, R>&, const mf::tensor<D, S>& x,
                const mf::tensor<D, S>& target, const mf::gradient_sink<D, S>& dx,
                const mf::gradient_sink<D, S>&) const {
    if (!dx) return;
    auto* const to = dx.add_to();
    for (mf::isize i = 0; i < x.size(); ++i)
      to[i] += dy.data()[0] * 2 * (x.data()[i] - target.data()[i]) / typename D::scalar(x.size());
  }
};
auto squared_error(const auto& x, const auto& target) { return mf::apply(squared_error_op{}, x, target); }

/// Data drawn from a key.
template <class D> struct batch {
  mf::tensor<D, mf::shape<mf::batch<>, mf::width<3>>> a;
  mf::tensor<D, mf::shape<mf::batch<>, mf::width<2>>> b;
  mf::tensor<D, mf::shape<mf::batch<>, mf::width<1>>> target;
};
template <class D> batch<D> draw_batch(mf::random_key key, mf::isize n) {
  using T = typename D::scalar;
  std::vector<T> a, b, target;
  for (mf::isize i = 0; i < n; ++i) {
    for (mf::isize j = 0; j < 3; ++j) a.push_back(T(mf::normal(key.split("a"), i * 3 + j)));
    for (mf::isize j = 0; j < 2; ++j) b.push_back(T(mf::normal(key.split("b"), i * 2 + j)));
    target.push_back(T(0.7) * a[std::size_t(3 * i)] - a[std::size_t(3 * i + 2)] + T(0.5) * b[std::size_t(2 * i)]);
  }
  const auto shaped = [n]<mf::isize W>(const std::vector<T>& values, mf::shape<mf::batch<>, mf::width<W>>*) {
    const mf::shape<mf::batch<>, mf::width<W>> s(n);
    return mf::tensor<D, mf::shape<mf::batch<>, mf::width<W>>>(s, std::span<const T>(values));
  };
  return {shaped(a, static_cast<mf::shape<mf::batch<>, mf::width<3>>*>(nullptr)),
          shaped(b, static_cast<mf::shape<mf::batch<>, mf::width<2>>*>(nullptr)),
          shaped(target, static_cast<mf::shape<mf::batch<>, mf::width<1>>*>(nullptr))};
}

/// All values of a model, or of its gradients, one after another.
template <class M> std::vector<double> values_of(M& m) {
  std::vector<double> all;
  mf::for_each_member(m, [&](auto& leaf) {
    if constexpr (requires { leaf.value(); })
      for (const auto value : leaf.value().to_host()) all.push_back(double(value));
  });
  return all;
}

/// Gives every trained gradient numbers drawn from a key.
template <class D> void draw_gradients(const mf::flat_parameters<D>& flat, mf::random_key key) {
  for (const auto& entry : flat.entries)
    if (entry.trainable)
      for (mf::isize i = 0; i < entry.count; ++i)
        flat.gradients.data()[entry.offset + i] = typename D::scalar(mf::normal(key.split(entry.name), i));
}

}  // namespace two_sensors
