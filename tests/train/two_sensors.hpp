#pragma once
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/linear.hpp>
#include <multifuse/losses/squared_error.hpp>
#include <multifuse/ops/dropout.hpp>
#include <multifuse/ops/pointwise.hpp>

/// A small regression problem with two modalities: y = tanh(a) b over the axes, from vectors a and b.
namespace two_sensors {

namespace mf = multifuse;

/// Each modality has its own layer; the fused vector gives one number.
template <class D> struct model {
  mf::linear<D, 3, 5> first;
  mf::linear<D, 2, 5> second;
  mf::linear<D, 5, 1> head;
  mf::buffer<D, mf::width<1>> seen{mf::init::zeros()};  // steps seen in training
  mf::random_stream noise;
  double dropped = 0;
  constexpr void members(auto&& visit) {
    visit("first", first), visit("second", second), visit("head", head);
    visit("seen", seen), visit("noise", noise);
  }
  auto operator()(const auto& a, const auto& b) const {
    if constexpr (mf::is_variable<std::remove_cvref_t<decltype(a)>>)
      if (a.recorder().training()) {
        auto count = seen.value().to_host();
        count[0] = count[0] + 1;
        D::copy_from_host(seen.value().data(), count.data(), 1);
      }
    return head(mf::dropout(mf::tanh(first(a)) + mf::tanh(second(b)), dropped, noise));
  }
};

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
    target.push_back(T(T(0.7) * a[std::size_t(3 * i)] - a[std::size_t(3 * i + 2)] + T(0.5) * b[std::size_t(2 * i)]));
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
