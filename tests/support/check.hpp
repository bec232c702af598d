#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/tape/members.hpp>
#include <string>
#include <type_traits>

/// One description of an operation or layer, many checks. A description is a struct template over the device:
///   template <class D> struct softmax_example {
///     static constexpr std::string_view name = "softmax";
///     void members(auto&&) {}                                  // parameters and layers, if it has any
///     auto inputs(check::source& draw) const { return mf::make_pack(draw.normal<D>(mf::shape<...>(...))); }
///     auto operator()(const auto& x) const { return mf::softmax(x); }
///   };
/// `check::described<softmax_example>()` compares its gradients with central differences in double, its float results
/// with its double results, and two runs with each other bit by bit. Sizes should be tiny and awkward.
namespace check {

namespace mf = multifuse;
using mf::isize;

/// Random inputs, the same sequence for every device.
class source {
 public:
  explicit source(std::uint64_t seed) : key_{seed, 77} {}

  template <class D, class S> mf::tensor<D, S> normal(const S& shape, double scale = 1) {
    return fill<D>(shape, [&](isize i) { return scale * mf::normal(key_, i); });
  }
  template <class D, class S> mf::tensor<D, S> uniform(const S& shape, double low, double high) {
    return fill<D>(shape, [&](isize i) { return low + (high - low) * mf::uniform(key_, i); });
  }
  /// Integers 0 ... bound - 1 in a tensor of int32.
  template <class D, class S> auto integers(const S& shape, isize bound) {
    return fill<mf::rebind<D, std::int32_t>>(shape, [&](isize i) { return double(mf::uniform_integer(key_, i, bound)); });
  }

 private:
  template <class D, class S, class F> mf::tensor<D, S> fill(const S& shape, F draw) {
    key_ = key_.split(1);
    std::vector<typename D::scalar> values(std::size_t(shape.size()));
    for (isize i = 0; i < shape.size(); ++i) values[std::size_t(i)] = typename D::scalar(draw(i));
    return {shape, std::span<const typename D::scalar>(values)};
  }
  mf::random_key key_;
};

template <class X> inline constexpr bool differentiable = !std::is_integral_v<typename X::scalar>;

/// Every result of an example: a value, or a struct with `for_each_value(f)` such as a bundle.
template <class Y, class F> void for_each_output(const Y& y, F&& f) {
  if constexpr (mf::value<Y>)
    f(mf::evaluate(y));
  else
    y.for_each_value([&](const auto& one) { f(mf::evaluate(one)); });
}

template <class E> mf::tape_options options_of(const E&) {
  if constexpr (requires { E::training; })
    return {E::training, {5, 6}};
  else
    return {false, {5, 6}};
}

template <class E> void prepare(E& example) {
  if constexpr (requires { example.members([](auto&&...) {}); }) {
    mf::initialize(example, 3);
    mf::for_each_named_member(example, [](std::string_view name, auto& leaf) {  // starting values of 0 or 1 hide errors
      using L = std::remove_cvref_t<decltype(leaf)>;
      if constexpr (mf::is_parameter<L>) {
        const auto key = mf::random_key{9, 9}.split(name);
        auto values = leaf.value().to_host();
        for (isize i = 0; i < L::count; ++i)
          values[std::size_t(i)] = typename L::scalar(double(values[std::size_t(i)]) + 0.3 * mf::normal(key, i));
        L::device::copy_from_host(leaf.value().data(), values.data(), L::count);
      }
    });
  }
}

/// A run of an example: outputs, and the gradients of the sum of outputs weighted by fixed random numbers.
struct results {
  std::vector<std::vector<double>> outputs, input_gradients, parameter_gradients;
  double objective = 0;
};

inline double weight_of(std::size_t output, isize i) { return mf::normal({1234, output}, i); }

template <class E, class Inputs> results run(E& example, const Inputs& inputs, bool with_gradients) {
  results found;
  mf::tape tape(options_of(example));
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    auto on_tape = [&](const auto& x) {
      if constexpr (differentiable<std::remove_cvref_t<decltype(x)>>)
        return mf::watch(tape, x);
      else
        return mf::record(tape, x);  // integers have no gradient, but what is looked up with them has
    };
    const auto watched = mf::make_pack(on_tape(mf::get<I>(inputs))...);
    const auto y = example(mf::get<I>(watched)...);
    for_each_output(y, [&](const auto& out) {
      const auto values = mf::plain_tensor(out).to_host();
      found.outputs.emplace_back(values.begin(), values.end());
      const std::size_t number = found.outputs.size();
      for (isize i = 0; i < out.size(); ++i) found.objective += weight_of(number, i) * double(values[std::size_t(i)]);
      if constexpr (mf::is_variable<std::remove_cvref_t<decltype(out)>>) {
        if (!with_gradients || !out.sink()) return;
        using D = typename std::remove_cvref_t<decltype(out)>::device;
        std::vector<typename D::scalar> weights(values.size());
        for (isize i = 0; i < out.size(); ++i) weights[std::size_t(i)] = typename D::scalar(weight_of(number, i));
        mf::seed_gradient(out, mf::tensor<D, std::remove_cvref_t<decltype(out.dims())>>(
                                   out.dims(), std::span<const typename D::scalar>(weights)));
      }
    });
    if (!with_gradients) return;
    tape.run_backward();
    auto collect = [&](const auto& x) {
      if constexpr (differentiable<std::remove_cvref_t<decltype(x)>>) {
        const auto g = x.sink().current();
        std::vector<double> values(std::size_t(x.size()), 0.0);
        if (g) {
          const auto host = g.to_host();
          values.assign(host.begin(), host.end());
        }
        found.input_gradients.push_back(values);
      } else {
        found.input_gradients.emplace_back();
      }
    };
    (collect(mf::get<I>(watched)), ...);
    if constexpr (requires { example.members([](auto&&...) {}); })
      mf::for_each_member(example, [&](auto& leaf) {
        using L = std::remove_cvref_t<decltype(leaf)>;
        if constexpr (mf::is_parameter<L>) {
          std::vector<double> values(std::size_t(L::count + 0), 0.0);
          if (const auto g = leaf.gradient()) {
            const auto host = g.to_host();
            values.assign(host.begin(), host.end());
          }
          found.parameter_gradients.push_back(values);
          leaf.clear_gradient();
        }
      });
  }(std::make_index_sequence<Inputs::size>{});
  return found;
}

inline double largest(const std::vector<double>& values) {
  double most = 0;
  for (double v : values) most = std::max(most, std::abs(v));
  return most;
}

/// Compares one tensor's gradient with central differences, relative to the gradient's largest magnitude.
template <class T, class Objective>
void compare_with_differences(std::string_view what, T* elements, const std::vector<double>& gradient, double scale,
                              double tolerance, Objective objective) {
  const isize n = isize(gradient.size());
  const isize stride = n > 60 ? n / 37 : 1;  // enough of a long tensor, all of a short one
  for (isize i = 0; i < n; i += stride) {
    const T original = elements[i];
    double best = 1e300;
    for (const double step : {1e-5, 1e-4, 1e-6}) {  // an entry passes with the step that suits it
      elements[i] = original + T(step);
      const double above = objective();
      elements[i] = original - T(step);
      const double below = objective();
      elements[i] = original;
      best = std::min(best, std::abs((above - below) / (2 * step) - gradient[std::size_t(i)]));
      if (best <= tolerance * scale) break;
    }
    INFO(what << ", element " << i << ": gradient " << gradient[std::size_t(i)] << ", off by " << best);
    CHECK(best <= tolerance * scale);
  }
}

/// Gradients of every input and parameter against central differences in double.
template <template <class> class Example> void gradients(double tolerance = 1e-6) {
  using E = Example<mf::cpu<double>>;
  INFO("example: " << std::string(E::name));
  E example;
  prepare(example);
  source draw(17);
  const auto inputs = example.inputs(draw);
  const results found = run(example, inputs, true);
  REQUIRE(!found.outputs.empty());
  const auto objective = [&] { return run(example, inputs, false).objective; };
  double scale = 1e-3;
  for (const auto& g : found.input_gradients) scale = std::max(scale, largest(g));
  for (const auto& g : found.parameter_gradients) scale = std::max(scale, largest(g));
  CHECK(scale > 1e-3);  // a check of zeros would prove nothing
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    auto compare = [&](const auto& x, std::size_t number) {
      if constexpr (differentiable<std::remove_cvref_t<decltype(x)>>)
        compare_with_differences("input " + std::to_string(number), x.data(), found.input_gradients[number], scale,
                                 tolerance, objective);
    };
    (compare(mf::get<I>(inputs), I), ...);
  }(std::make_index_sequence<std::remove_cvref_t<decltype(inputs)>::size>{});
  std::size_t next = 0;
  if constexpr (requires { example.members([](auto&&...) {}); })
    mf::for_each_named_member(example, [&](std::string_view name, auto& leaf) {
      if constexpr (mf::is_parameter<std::remove_cvref_t<decltype(leaf)>>)
        compare_with_differences(name, leaf.value().data(), found.parameter_gradients[next++], scale, tolerance, objective);
    });
}

/// Checks that two runs agree within `tolerance` times each tensor's largest magnitude, which counts as at least that share
/// of the largest of all: gradients that must cancel are never quite 0. Gives the largest deviation in this measure.
inline double compare(const results& a, const results& b, double tolerance, double least_share = 0.01) {
  double largest_share = 0;
  const auto each = [&](std::string_view what, const auto& left, const auto& right) {
    REQUIRE(left.size() == right.size());
    double overall = 0;
    for (const auto& one : left) overall = std::max(overall, largest(one));
    for (std::size_t t = 0; t < left.size(); ++t) {
      REQUIRE(left[t].size() == right[t].size());
      const double scale = std::max(largest(left[t]), least_share * overall);
      double worst = 0;
      for (std::size_t i = 0; i < left[t].size(); ++i) {
        const double off = std::abs(left[t][i] - right[t][i]);
        worst = off <= worst ? worst : off;  // NaN wins
      }
      INFO(what << " " << t << ": off by " << worst << " of " << scale);
      CHECK(worst <= tolerance * scale);
      const double share = worst > 0 || worst != worst ? worst / scale : 0;
      largest_share = share <= largest_share ? largest_share : share;
    }
  };
  each("output", a.outputs, b.outputs);
  each("input gradient", a.input_gradients, b.input_gradients);
  each("parameter gradient", a.parameter_gradients, b.parameter_gradients);
  return largest_share;
}

/// A fresh run of an example on a device.
template <class E> results fresh_run() {
  E example;
  prepare(example);
  source draw(17);
  const auto inputs = example.inputs(draw);
  return run(example, inputs, true);
}

/// All checks of a description; see the top of this file.
template <template <class> class Example> void described(double tolerance = 1e-6) {
  gradients<Example>(tolerance);
  const results single = fresh_run<Example<mf::cpu<float>>>();
  compare(fresh_run<Example<mf::cpu<double>>>(), single, 1e-4);
  compare(single, fresh_run<Example<mf::cpu<float>>>(), 0);
}

}  // namespace check
