#include <multifuse/train/sgd.hpp>

#include <doctest/doctest.h>

#include "io/scratch_directory.hpp"
#include "two_sensors.hpp"

namespace test_train_sgd {

namespace mf = multifuse;
using namespace two_sensors;

namespace {

/// The same steps, parameter by parameter, in double.
template <class D> double largest_difference(mf::sgd_options options, const std::vector<mf::parameter_rule>& rules) {
  model<D> m;
  mf::initialize(m, 4);
  mf::sgd<D> optimizer(m, options, rules);
  std::vector<double> values, velocities(1000, 0.0);
  const auto& flat = optimizer.parameters();
  for (const auto value : flat.values.to_host()) values.push_back(double(value));
  for (int step = 0; step < 5; ++step) {
    const double rate = 0.1 / (1 + step);
    draw_gradients(flat, {8, std::uint64_t(step)});
    for (const auto& entry : flat.entries) {
      if (!entry.trainable) continue;
      const auto factors = mf::detail::factors_of(rules, entry.name, entry.rank);
      for (mf::isize i = entry.offset; i < entry.offset + entry.count; ++i) {
        double& w = values[std::size_t(i)];
        double& v = velocities[std::size_t(i)];
        const double g = double(flat.gradients.data()[i]) + options.weight_decay * factors.weight_decay * w;
        v = options.momentum * v + g;
        w -= rate * factors.learning_rate * (options.nesterov ? g + options.momentum * v : v);
      }
    }
    optimizer.step(rate);
  }
  CHECK(optimizer.steps() == 5);
  double worst = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    worst = std::max(worst, std::abs(values[i] - double(flat.values.data()[i])));
  return worst;
}

}  // namespace

TEST_CASE("steps agree with the formula, with and without momentum, decay and rules") {
  const std::vector<mf::parameter_rule> rules{{.pattern = "first", .learning_rate = 0.5},
                                              {.pattern = "bias", .weight_decay = 0},
                                              {.pattern = "second.weight", .frozen = true}};
  for (const double momentum : {0.0, 0.9})
    for (const bool nesterov : {false, true})
      for (const double decay : {0.0, 0.1}) {
        const mf::sgd_options options{momentum, nesterov, decay};
        CHECK(largest_difference<mf::cpu<double>>(options, rules) < 1e-14);
        CHECK(largest_difference<mf::cpu<double>>(options, {}) < 1e-14);
        CHECK(largest_difference<mf::cpu<float>>(options, rules) < 1e-5);
      }
}

TEST_CASE("the model sees the steps, frozen parameters do not move, gradients reach the flat memory") {
  using dev = mf::cpu<float>;
  model<dev> m;
  mf::initialize(m, 4);
  mf::sgd<dev> optimizer(m, {}, {{.pattern = "second.", .frozen = true}});
  const auto before_first = m.first.weight.value().to_host(), before_second = m.second.weight.value().to_host();
  const auto data = draw_batch<dev>({1, 2}, 16);
  mf::tape tape({.training = true});
  float first_loss = 0, loss = 0;
  for (int step = 0; step < 60; ++step) {
    tape.restart({.training = true});
    optimizer.zero_gradients();
    const auto error = mf::squared_error(m(mf::record(tape, data.a), mf::record(tape, data.b)), data.target);
    loss = error.value().to_host()[0];
    if (step == 0) first_loss = loss;
    mf::backward(error);
    optimizer.step(0.02);
  }
  CHECK(loss < 0.2f * first_loss);
  CHECK(m.first.weight.value().to_host() != before_first);
  CHECK(m.second.weight.value().to_host() == before_second);
  optimizer.zero_gradients();
  for (const float g : m.first.weight.gradient().to_host()) CHECK(g == 0);
}

TEST_CASE("state is visible under parameter names and can be set") {
  using dev = mf::cpu<float>;
  model<dev> m;
  mf::initialize(m, 4);
  mf::sgd<dev> optimizer(m, {}, {{.pattern = "second.", .frozen = true}});
  draw_gradients(optimizer.parameters(), {1, 1});
  optimizer.step(0.1);
  std::vector<std::string> names;
  optimizer.for_each_state([&]<class X>(const std::string& name, X&& part) {
    names.push_back(name);
    if constexpr (std::is_same_v<std::remove_cvref_t<X>, mf::isize>) {
      CHECK(part == 1);
      part = 12;
    } else if (name == "momentum.head.weight") {
      CHECK(part.size() == 5);
      CHECK(part.data()[4] == float(mf::normal(mf::random_key{1, 1}.split("head.weight"), 4)));
    }
  });
  CHECK(names == std::vector<std::string>{"steps", "momentum.first.weight", "momentum.first.bias",
                                          "momentum.head.weight", "momentum.head.bias"});
  CHECK(optimizer.steps() == 12);
}

TEST_CASE("bad settings are refused") {
  using dev = mf::cpu<float>;
  model<dev> m;
  const auto refusal = [&](mf::sgd_options options, const std::vector<mf::parameter_rule>& rules = {}) {
    return message_of<mf::argument_error>([&] { mf::sgd<dev> optimizer(m, options, rules); });
  };
  CHECK(mentions(refusal({}), "has no values yet"));
  mf::initialize(m, 1);
  CHECK(mentions(refusal({.momentum = 1}), "unusable momentum"));
  CHECK(mentions(refusal({.weight_decay = -1}), "unusable weight decay"));
  CHECK(mentions(refusal({}, {{.pattern = "*", .frozen = true}}), "nothing to train"));
  mf::set_trainable(m, "*", true);
  mf::sgd<dev> optimizer(m);
  const auto before = values_of(m);
  for (const double rate : {-1.0, std::nan(""), 1e10})
    CHECK(mentions(message_of<mf::argument_error>([&] { optimizer.step(rate); }), "unusable learning rate"));
  CHECK(values_of(m) == before);
}

}  // namespace test_train_sgd
