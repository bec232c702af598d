#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/fusion/stage.hpp>
#include <multifuse/layers/batch_norm.hpp>
#include <multifuse/layers/recompute.hpp>
#include <multifuse/layers/linear.hpp>
#include <multifuse/ops/dropout.hpp>
#include <string>
#include <vector>

namespace test_layers_recompute {

namespace mf = multifuse;
using mf::isize;
using dev = mf::cpu<float>;

namespace {

constexpr isize wide = 16;
using tokens_of = mf::shape<mf::batch<>, mf::tokens<>, mf::width<wide>>;
using mask_of_tokens = mf::shape<mf::batch<>, mf::tokens<>>;

struct sight { static constexpr std::string_view name = "sight"; };
struct sound { static constexpr std::string_view name = "sound"; };
using both = mf::streams<sight, sound>;

mf::tensor<dev, tokens_of> numbers(std::uint64_t stream, isize items, isize count) {
  mf::tensor<dev, tokens_of> x({items, count});
  for (isize i = 0; i < x.size(); ++i) x.data()[i] = float(mf::normal({5, stream}, i));
  return x;
}

/// Everything that a second run must not do otherwise: dropout, stochastic depth, running statistics, repeated uses.
struct block {
  static constexpr isize width_of_tokens = wide;
  static constexpr bool tokens_are_independent = true;
  using device = dev;
  mf::linear<dev, wide, wide> expand;
  mf::batch_norm<dev, wide> norm;
  mf::random_stream stream, path;
  constexpr void members(auto&& visit) {
    visit("expand", expand), visit("norm", norm), visit("stream", stream), visit("path", path);
  }
  auto half(const auto& x) const { return mf::dropout(mf::tanh(expand(x)), 0.3, stream); }
  template <mf::value X> auto operator()(const X& x) const {
    return mf::evaluate(x + mf::drop_path(half(norm(half(x))), 0.4, path, mf::rescale::yes));
  }
  template <class X, class M> auto operator()(const mf::masked_tokens<X, M>& x) const {
    return mf::masked_tokens{mf::evaluate((*this)(x.content) * x.kept), x.kept};
  }
  auto operator()(const auto& x, const auto& context) const { return mf::evaluate(half(norm(x)) * context); }
};

/// All parameters, buffers and gradients of a model.
template <class Model> std::vector<std::vector<float>> state_of(Model& model) {
  std::vector<std::vector<float>> found;
  mf::for_each_member(model, [&](auto& leaf) {
    using L = std::remove_cvref_t<decltype(leaf)>;
    if constexpr (!std::is_same_v<L, mf::random_stream>) found.push_back(leaf.value().to_host());
    if constexpr (mf::is_parameter<L>) {
      found.push_back(leaf.gradient() ? leaf.gradient().to_host() : std::vector<float>{});
      leaf.clear_gradient();
    }
  });
  return found;
}

struct outcome {
  std::vector<std::vector<float>> state;
  isize peak = 0;
};

/// A training step of y = call(model, watched inputs...); what it computed, and the memory it took.
template <class Model, class Call, class... X> outcome step(Model& model, const Call& call, const X&... inputs) {
  auto& pool = mf::memory_pool<mf::cpu_memory>::instance();
  mf::tape tape({.training = true, .random = {3, 4}});
  const auto watched = mf::make_pack(mf::watch(tape, inputs)...);
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    const isize before = pool.statistics().in_use;
    pool.reset_peak();
    const auto y = mf::evaluate(call(model, mf::get<I>(watched)...));
    mf::backward(y, mf::tensor<dev, std::remove_cvref_t<decltype(y.dims())>>(y.dims()).fill(0.7f));
    const isize peak = pool.statistics().peak - before;
    outcome result{state_of(model), peak};
    result.state.push_back(y.value().to_host());
    const auto gradient = [&](const auto& x) {
      const auto g = x.sink().current();
      result.state.push_back(g ? g.to_host() : std::vector<float>{});
    };
    (gradient(mf::get<I>(watched)), ...);
    return result;
  }(std::index_sequence_for<X...>{});
}

/// Two models of the same values compute the same bits; the second takes at most `share` of the first one's memory.
template <class Plain, class Wrapped, class Call, class... X>
void compare(double share, const Call& call, const X&... inputs) {
  Plain plain;
  Wrapped wrapped;
  mf::initialize(plain, 11), mf::initialize(wrapped, 11);
  const outcome expected = step(plain, call, inputs...), got = step(wrapped, call, inputs...);
  CHECK(got.state == expected.state);
  CHECK(double(got.peak) <= share * double(expected.peak));
}

}  // namespace

TEST_CASE("recomputed layers give the same bits with less memory: dropout, stochastic depth, batch norm, nested") {
  const auto call = [](const auto& model, const auto& x) { return model(x); };
  using again = mf::recompute<mf::repeat<mf::recompute<block>, 3>>;
  compare<mf::repeat<mf::repeat<block, 3>, 3>, mf::repeat<again, 3>>(0.4, call, numbers(1, 3, 40));
}

TEST_CASE("several inputs, expressions, several uses, and a use of the input beside the layer") {
  const auto call = [](const auto& model, const auto& x, const auto& context) {
    return model(x + context, context) * x + model(model(x, x), context);
  };
  compare<block, mf::recompute<block>>(1, call, numbers(3, 2, 9), numbers(4, 2, 9));
}

TEST_CASE("blocks of a fusion stage, padded streams, and a whole stage through a function") {
  const auto x = numbers(5, 2, 30), z = numbers(6, 2, 20);
  mf::tensor<dev, mask_of_tokens> kept({2, 30});
  kept.fill(1);
  kept.data()[29] = kept.data()[58] = 0;
  using stage = mf::stage<3, mf::unimodal<block>>::over<both>;
  using of_blocks = mf::stage<3, mf::unimodal<mf::recompute<block>>>::over<both>;
  const auto call = [&](const auto& model, const auto& a, const auto& b) {
    const auto y = model(mf::bundle_of<sight, sound>(mf::masked_tokens{a, kept}, b));
    return mf::concat<mf::tokens_axis>(mf::get<sight>(y).content, mf::get<sound>(y));
  };
  compare<stage, of_blocks>(0.6, call, x, z);
  stage model;
  mf::initialize(model, 11);
  stage other = model;
  const auto as_a_function = [&](const stage& m, const auto& a, const auto& b) {
    return call([&m](const auto& streams) { return mf::recomputed(m, streams); }, a, b);
  };
  CHECK(step(other, as_a_function, x, z).state == step(model, call, x, z).state);
}

TEST_CASE("tensors and shapes pass as if the wrapper were not there; names and traits are the layer's") {
  mf::recompute<block> wrapped;
  block plain;
  mf::initialize(wrapped, 13), mf::initialize(plain, 13);
  const auto x = numbers(7, 2, 5);
  CHECK(wrapped(x).to_host() == plain(x).to_host());
  static_assert(mf::computes_tokens_alone<mf::recompute<block>> && mf::width_taken<mf::recompute<block>> == wide);
  static_assert(mf::parameter_count<mf::recompute<block>> == mf::parameter_count<block>);
  mf::operation_count one, other;
  wrapped(mf::tensor<mf::meta, tokens_of>(tokens_of(2, 5), &one));
  plain(mf::tensor<mf::meta, tokens_of>(tokens_of(2, 5), &other));
  CHECK(one.forward_flops == other.forward_flops);
  std::string names, expected;
  mf::for_each_named_member(wrapped, [&](std::string_view name, auto&) { names += std::string(name) + " "; });
  mf::for_each_named_member(plain, [&](std::string_view name, auto&) { expected += std::string(name) + " "; });
  CHECK(names == expected);
}

TEST_CASE("nothing is repeated for frozen layers, nor for results without a gradient") {
  mf::recompute<block> wrapped;
  mf::initialize(wrapped, 14);
  mf::freeze(wrapped);
  mf::tape tape;
  int runs = 0;
  const auto counted = [&](const auto& x) {
    ++runs;
    return wrapped(x);
  };
  CHECK(mf::recomputed(counted, mf::record(tape, numbers(8, 1, 3))).slot() == nullptr);
  const auto x = mf::watch(tape, numbers(8, 1, 3));
  const auto unused = mf::recomputed(counted, x), used = mf::recomputed(counted, x);
  CHECK(runs == 3);
  mf::backward(used, used.value());
  CHECK(runs == 4);
}

TEST_CASE("a repeated part that draws other random numbers is refused") {
  mf::tape tape({.training = true});
  mf::random_stream stream{1}, other{2};
  int runs = 0;
  const auto y = mf::recomputed([&](const auto& x) { return mf::dropout(x, 0.5, runs++ == 0 ? stream : other); },
                                mf::watch(tape, numbers(9, 1, 3)));
  CHECK_THROWS_AS(mf::backward(y, y.value()), mf::argument_error);
}

}  // namespace test_layers_recompute
