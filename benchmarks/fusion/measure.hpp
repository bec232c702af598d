#pragma once
#include <benchmark/benchmark.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/cost/cost.hpp>
#include <multifuse/fusion/fusion_model.hpp>
#include <multifuse/fusion/readout.hpp>
#include <multifuse/layers/transformer_block.hpp>
#include <string>

/// Measures one layer of a fusion strategy over streams of tokens. The narrow width is for curves: how cost grows up to 8192
/// tokens and six modalities. Names read
/// strategy/width:small/modalities:2/batch:1/tokens:256/forward.
namespace fusion_benchmark {

namespace mf = multifuse;
using mf::isize;
using dev = mf::cpu<float>;

struct first { static constexpr std::string_view name = "first"; };
struct second { static constexpr std::string_view name = "second"; };
struct third { static constexpr std::string_view name = "third"; };
struct fourth { static constexpr std::string_view name = "fourth"; };
struct fifth { static constexpr std::string_view name = "fifth"; };
struct sixth { static constexpr std::string_view name = "sixth"; };
template <isize N> struct list_of;
template <> struct list_of<1> { using type = mf::streams<first>; };
template <> struct list_of<2> { using type = mf::streams<first, second>; };
template <> struct list_of<3> { using type = mf::streams<first, second, third>; };
template <> struct list_of<4> { using type = mf::streams<first, second, third, fourth>; };
template <> struct list_of<5> { using type = mf::streams<first, second, third, fourth, fifth>; };
template <> struct list_of<6> { using type = mf::streams<first, second, third, fourth, fifth, sixth>; };

struct narrow {
  static constexpr isize width = 64, heads = 2, most_modalities = 6;
  static constexpr std::string_view name = "narrow";
};
struct small {
  static constexpr isize width = 192, heads = 3, most_modalities = 4;
  static constexpr std::string_view name = "small";
};
struct base {
  static constexpr isize width = 768, heads = 12, most_modalities = 4;
  static constexpr std::string_view name = "base";
};
template <class Size> using block = mf::transformer_block<dev, Size::width, Size::heads>;
template <class Size> using tokens_shape = mf::shape<mf::batch<>, mf::tokens<>, mf::width<Size::width>>;

/// More memory than this is not used; the benchmark says so and is skipped.
inline constexpr double memory_limit = 6e9;

/// The model, its streams and its cost.
template <class Model, class Size, class... M> struct setting {
  Model model;
  mf::model_cost cost;
  tokens_shape<Size> shape;

  setting(isize batch, isize tokens) : shape(batch, tokens) {
    cost = [&]<class... S>(const S&... shapes) { return mf::cost_of<Model>(shapes...); }(
        (static_cast<void>(static_cast<M*>(nullptr)), shape)...);
    mf::initialize(model, 1);
  }
  auto inputs() const {
    mf::tensor<dev, tokens_shape<Size>> x(shape);
    for (isize i = 0; i < x.size(); ++i) x.data()[i] = float(i % 17) * 0.1f - 0.8f;
    return mf::bundle_of<M...>((static_cast<void>(static_cast<M*>(nullptr)), x)...);
  }
};

inline void count(benchmark::State& state, const mf::model_cost& cost, double flops, isize tokens) {
  using benchmark::Counter;
  state.counters["FLOP/s"] = Counter(flops, Counter::kIsIterationInvariantRate);
  state.counters["bytes"] = cost.activation_bytes;
  state.counters["parameters"] = double(cost.parameters);
  state.counters["tokens/s"] = Counter(double(tokens), Counter::kIsIterationInvariantRate);
}

template <class Model, class Size, class... M>
void forward(benchmark::State& state, isize batch, isize tokens) {
  const setting<Model, Size, M...> used(batch, tokens);
  const auto x = used.inputs();
  for (auto _ : state) benchmark::DoNotOptimize(used.model(x).data());
  count(state, used.cost, used.cost.forward_flops, batch * tokens * isize(sizeof...(M)));
}

template <class Model, class Size, class... M>
void training(benchmark::State& state, isize batch, isize tokens) {
  setting<Model, Size, M...> used(batch, tokens);
  if (used.cost.activation_bytes * 1.5 > memory_limit) {
    state.SkipWithError("needs more memory than the limit");
    return;
  }
  const auto x = used.inputs();
  mf::tape tape;
  for (auto _ : state) {
    tape.restart({.training = true});
    mf::clear_gradients(used.model);
    mf::backward(mf::mean(used.model(mf::record(tape, x))));
  }
  count(state, used.cost, used.cost.training_flops(), batch * tokens * isize(sizeof...(M)));
}

template <class Recipe, class Size, class... M> void enter(const std::string& strategy, mf::streams<M...>) {
  using head = mf::linear<dev, Size::width, 10>;
  using model = mf::fusion_model<mf::streams<M...>, Recipe, mf::readout<mf::mean_of_tokens, head>>;
  for (const isize batch : {1, 2, 4, 8, 16, 32})
    for (const isize tokens : {64, 128, 256, 512, 1024, 2048, 4096, 8192}) {
      const std::string name = strategy + "/width:" + std::string(Size::name) + "/modalities:" +
                               std::to_string(sizeof...(M)) + "/batch:" + std::to_string(batch) +
                               "/tokens:" + std::to_string(tokens);
      benchmark::RegisterBenchmark((name + "/forward").c_str(), forward<model, Size, M...>, batch, tokens)
          ->Unit(benchmark::kMillisecond);
      benchmark::RegisterBenchmark((name + "/training").c_str(), training<model, Size, M...>, batch, tokens)
          ->Unit(benchmark::kMillisecond);
    }
}

/// Registers a strategy for all widths and numbers of modalities. `Strategy::stage<Size>` is a stage of a model. (A type
/// of its own name for each file: g++ 12 merges instantiations for templates of unnamed namespaces.)
template <class Strategy> bool enter_all(const std::string& name) {
  const auto sizes = [&]<class Size>(Size*) {
    [&]<std::size_t... N>(std::index_sequence<N...>) {
      (enter<typename Strategy::template stage<Size>, Size>(name, typename list_of<isize(N) + 1>::type{}), ...);
    }(std::make_index_sequence<std::size_t(Size::most_modalities)>{});
  };
  sizes(static_cast<narrow*>(nullptr));
  sizes(static_cast<small*>(nullptr));
  sizes(static_cast<base*>(nullptr));
  return true;
}

}  // namespace fusion_benchmark
