#include <multifuse/train/adam.hpp>

#include <doctest/doctest.h>

#include "io/scratch_directory.hpp"
#include "two_sensors.hpp"

namespace test_train_adam {

namespace mf = multifuse;
using namespace two_sensors;

namespace {

/// The same steps, parameter by parameter, in double, as algorithms 1 and 2 of the papers write them.
template <class D> double largest_difference(mf::adam_options options, const std::vector<mf::parameter_rule>& rules) {
  model<D> m;
  mf::initialize(m, 4);
  mf::adam<D> optimizer(m, options, rules);
  std::vector<double> values, means(1000, 0.0), squares(1000, 0.0);
  const auto& flat = optimizer.parameters();
  for (const auto value : flat.values.to_host()) values.push_back(double(value));
  for (int step = 1; step <= 5; ++step) {
    const double rate = 0.1 / step;
    draw_gradients(flat, {8, std::uint64_t(step)});
    for (const auto& entry : flat.entries) {
      if (!entry.trainable) continue;
      const auto factors = mf::detail::factors_of(rules, entry.name, entry.rank);
      for (mf::isize i = entry.offset; i < entry.offset + entry.count; ++i) {
        double& w = values[std::size_t(i)];
        double& mean = means[std::size_t(i)];
        double& square = squares[std::size_t(i)];
        const double decay = options.weight_decay * factors.weight_decay, own = rate * factors.learning_rate;
        double g = double(flat.gradients.data()[i]);
        if (options.decoupled)
          w -= own * decay * w;
        else
          g += decay * w;
        mean = options.first_beta * mean + (1 - options.first_beta) * g;
        square = options.second_beta * square + (1 - options.second_beta) * g * g;
        const double unbiased_mean = mean / (1 - std::pow(options.first_beta, step));
        const double unbiased_square = square / (1 - std::pow(options.second_beta, step));
        w -= own * unbiased_mean / (std::sqrt(unbiased_square) + options.epsilon);
      }
    }
    optimizer.step(rate);
  }
  double worst = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    worst = std::max(worst, std::abs(values[i] - double(flat.values.data()[i])));
  return worst;
}

}  // namespace

TEST_CASE("steps agree with the formula, for both kinds of decay and with rules") {
  const std::vector<mf::parameter_rule> rules{{.pattern = "first", .learning_rate = 0.5},
                                              {.pattern = "bias", .weight_decay = 0},
                                              {.pattern = "second.weight", .frozen = true}};
  for (const bool decoupled : {false, true})
    for (const double decay : {0.0, 0.1})
      for (const double beta : {0.999, 0.95}) {
        const mf::adam_options options{.second_beta = beta, .weight_decay = decay, .decoupled = decoupled};
        CHECK(largest_difference<mf::cpu<double>>(options, rules) < 1e-13);
        CHECK(largest_difference<mf::cpu<double>>(options, {}) < 1e-13);
        CHECK(largest_difference<mf::cpu<float>>(options, rules) < 1e-5);
      }
}

TEST_CASE("a first step moves by the rate whatever the gradient's size") {
  using dev = mf::cpu<float>;
  model<dev> m;
  mf::initialize(m, 4);
  mf::adam<dev> optimizer(m);
  const float before = m.first.weight.value().data()[0];
  optimizer.parameters().gradients.data()[0] = 1e-3f;
  optimizer.step(0.01);
  CHECK(std::abs(before - m.first.weight.value().data()[0] - 0.01f) < 1e-5f);
}

TEST_CASE("training reduces the loss, and state is visible under parameter names") {
  using dev = mf::cpu<float>;
  model<dev> m;
  mf::initialize(m, 4);
  mf::adam<dev> optimizer(m, {.weight_decay = 0.01});
  const auto data = draw_batch<dev>({1, 2}, 16);
  mf::tape tape;
  float first_loss = 0, loss = 0;
  for (int step = 0; step < 200; ++step) {
    tape.restart({.training = true});
    optimizer.zero_gradients();
    const auto error = mf::squared_error(m(mf::record(tape, data.a), mf::record(tape, data.b)), data.target);
    loss = error.value().to_host()[0];
    if (step == 0) first_loss = loss;
    mf::backward(error);
    optimizer.step(0.02);
  }
  CHECK(loss < 0.05f * first_loss);
  std::vector<std::string> names;
  optimizer.for_each_state([&](const std::string& name, auto&&) { names.push_back(name); });
  CHECK(names.size() == 1 + 2 * 6);
  CHECK(names[0] == "steps");
  CHECK(names[1] == "mean.first.weight");
  CHECK(names[12] == "square.head.bias");
}

TEST_CASE("bad settings are refused") {
  using dev = mf::cpu<float>;
  model<dev> m;
  mf::initialize(m, 1);
  const auto refusal = [&](mf::adam_options options) {
    return message_of<mf::argument_error>([&] { mf::adam<dev> optimizer(m, options); });
  };
  CHECK(mentions(refusal({.first_beta = 1}), "unusable first beta"));
  CHECK(mentions(refusal({.second_beta = -0.1}), "unusable second beta"));
  CHECK(mentions(refusal({.epsilon = 0}), "unusable epsilon"));
  CHECK(mentions(refusal({.weight_decay = std::nan("")}), "unusable weight decay"));
}

}  // namespace test_train_adam
