#pragma once
#include <benchmark/benchmark.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/tape/apply.hpp>
#include <multifuse/tape/members.hpp>
#include <string>

/// Measures one operation or layer: name/forward and name/training, with FLOP/s and bytes.
namespace op_benchmark {

namespace mf = multifuse;
using mf::isize;
using dev = mf::cpu<float>;

template <class S> mf::tensor<dev, S> numbers(const S& shape) {
  mf::tensor<dev, S> x(shape);
  for (isize i = 0; i < x.size(); ++i) x.data()[i] = float((i * 7919) % 1000) * 0.002f - 1.0f;
  return x;
}

template <class Layer, class... S> mf::operation_count cost(const Layer& layer, const S&... shapes) {
  mf::operation_count count;
  layer(mf::tensor<mf::meta, S>(shapes, &count)...);
  return count;
}

/// Registers both measurements of `layer(inputs of these shapes...)`; Layer is a struct with members and a call operator.
template <class Layer, class... S> bool enter(const std::string& name, const S&... shapes) {
  const auto report = [=](benchmark::State& state, double flops) {
    using benchmark::Counter;
    state.counters["FLOP/s"] = Counter(flops, Counter::kIsIterationInvariantRate);
    state.counters["bytes"] = double((shapes.size() + ... + 0) * isize(sizeof(float)));
  };
  benchmark::RegisterBenchmark((name + "/forward").c_str(), [=](benchmark::State& state) {
    Layer layer;
    mf::initialize(layer, 1);
    const auto inputs = mf::make_pack(numbers(shapes)...);
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      for (auto _ : state) benchmark::DoNotOptimize(mf::evaluate(layer(mf::get<I>(inputs)...)).data());
    }(std::index_sequence_for<S...>{});
    report(state, cost(layer, shapes...).forward_flops);
  })->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark((name + "/training").c_str(), [=](benchmark::State& state) {
    Layer layer;
    mf::initialize(layer, 1);
    const auto inputs = mf::make_pack(numbers(shapes)...);
    mf::tape tape;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      const auto seed = numbers(mf::dims(mf::evaluate(layer(mf::get<I>(inputs)...))));
      for (auto _ : state) {
        tape.restart({.training = true});
        mf::clear_gradients(layer);
        mf::backward(mf::evaluate(layer(mf::watch(tape, mf::get<I>(inputs))...)), seed);
      }
    }(std::index_sequence_for<S...>{});
    const auto count = cost(layer, shapes...);
    report(state, count.forward_flops + count.backward_flops);
  })->Unit(benchmark::kMicrosecond);
  return true;
}

}  // namespace op_benchmark
