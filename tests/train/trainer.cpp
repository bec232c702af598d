#include <multifuse/train/trainer.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include <multifuse/train/adam.hpp>
#include <multifuse/train/schedule.hpp>
#include <multifuse/train/sgd.hpp>

#include "io/scratch_directory.hpp"
#include "two_sensors.hpp"

namespace test_train_trainer {

namespace mf = multifuse;
using namespace two_sensors;
using dev = mf::cpu<float>;

namespace {

/// The loss of a model on data drawn for the step.
template <class M> auto loss_of(const M& net) {
  return [&net](const mf::training_step& now) {
    const auto data = draw_batch<dev>(now.random, 8);
    return mf::squared_error(net(now.record(data.a), now.record(data.b)), data.target);
  };
}

/// A function whose value is finite and whose slope is not.
struct vertical {
  static constexpr double flops = 0;
  template <class T> static T value(T x) { return x; }
  template <class T> static mf::slopes_of<T, 1> slopes(T) { return {{T(INFINITY)}}; }
};

mf::training_options quiet(mf::isize steps) {
  return {.steps_per_epoch = steps, .learning_rate = 0.05, .progress = nullptr};
}

}  // namespace

TEST_CASE("training learns, in the order of the options, and shows its progress") {
  model<dev> net;
  mf::initialize(net, 3);
  mf::adam<dev> optimizer(net);
  const auto validation = draw_batch<dev>({99, 1}, 100);
  const auto validate = [&] {
    const auto error = mf::squared_error(net(validation.a, validation.b), validation.target);
    return double(error.to_host()[0]);
  };
  const double before = validate();
  std::ostringstream shown;
  std::vector<std::string> events;
  std::set<mf::isize> seen;
  mf::training_options options{.epochs = 3,
                               .samples = 100,
                               .batch_size = 8,
                               .learning_rate = 0.05,
                               .schedule = mf::schedule::warm_up(4, mf::schedule::cosine(32)),
                               .clip_norm = 5,
                               .after_step =
                                   [&](const mf::step_report& report) {
                                     events.push_back("step");
                                     CHECK(report.step + 1 == optimizer.steps());
                                     CHECK(report.gradient_norm.value() > 0);
                                     const mf::schedule::warm_up rule(4, mf::schedule::cosine(32));
                                     CHECK(report.learning_rate == 0.05 * rule(report.step));
                                   },
                               .metric = "error",
                               .evaluate = [&] { return events.push_back("evaluate"), validate(); },
                               .save = [&] { events.push_back("save"); },
                               .save_every = 10,
                               .progress = &shown};
  const auto result = mf::train(optimizer, options, [&](const mf::training_step& now) {
    CHECK(now.items.size() == 8);
    CHECK(now.epoch == now.step / 12);
    CHECK(now.recorder->training());
    if (now.epoch == 0) seen.insert(now.items.begin(), now.items.end());
    return loss_of(net)(now);
  });
  CHECK(result.steps == 36);
  CHECK(seen.size() == 96);
  CHECK(result.metric.value() == validate());
  CHECK(validate() < 0.3 * before);
  CHECK(net.seen.value().data()[0] == 36);  // evaluation is not training
  std::vector<std::string> expected;
  for (int step = 1; step <= 36; ++step) {
    expected.push_back("step");
    if (step % 12 == 0) expected.push_back("evaluate");
    if (step % 10 == 0 || step == 36) expected.push_back("save");
  }
  CHECK(events == expected);
  CHECK(mentions(shown.str(), "epoch 3/3  step 12/12  loss "));
  CHECK(mentions(shown.str(), "  error "));
  CHECK(mentions(shown.str(), " samples/s  0:00 left\n"));
}

TEST_CASE("the same seed gives the same bits, another seed does not") {
  const auto run = [](std::uint64_t seed) {
    model<dev> net;
    net.dropped = 0.3;
    mf::initialize(net, 3);
    mf::sgd<dev> optimizer(net);
    mf::training_options options = quiet(20);
    options.seed = seed;
    mf::train(optimizer, options, loss_of(net));
    return values_of(net);
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}

TEST_CASE("a finished run does nothing more") {
  model<dev> net;
  mf::initialize(net, 3);
  mf::sgd<dev> optimizer(net);
  mf::train(optimizer, quiet(5), loss_of(net));
  const auto before = values_of(net);
  const auto result = mf::train(optimizer, quiet(5), loss_of(net));
  CHECK(result.steps == 0);
  CHECK(values_of(net) == before);
}

TEST_CASE("a loss or gradient that is not finite stops before the parameters change and names the step") {
  model<dev> net;
  mf::initialize(net, 3);
  mf::sgd<dev> optimizer(net);
  std::vector<double> before;
  const auto refusal = [&](float factor, double clip_norm) {
    before = values_of(net);
    mf::training_options options = quiet(optimizer.steps() + 10);
    options.clip_norm = clip_norm;
    options.after_step = [&](auto&) { before = values_of(net); };
    const mf::isize bad = optimizer.steps() + 3;
    const auto text = message_of<mf::argument_error>([&] {
      mf::train(optimizer, options, [&](const mf::training_step& now) {
        const auto error = loss_of(net)(now);
        return mf::evaluate(error * (now.step == bad ? factor : 1.0f));
      });
    });
    net.seen.value().data()[0] -= 1;  // the failed pass was a pass
    CHECK(values_of(net) == before);
    CHECK(optimizer.steps() == bad);
    CHECK(mentions(text, "train, step " + std::to_string(bad) + ": "));
    return text;
  };
  CHECK(mentions(refusal(std::nanf(""), 0), "loss: not a finite number; got nan"));
  CHECK(mentions(refusal(INFINITY, 0), "loss: not a finite number; got inf"));
  model<dev> other;
  mf::initialize(other, 3);
  mf::sgd<dev> steps(other);
  mf::training_options options = quiet(3);
  options.clip_norm = 1;
  const auto text = message_of<mf::argument_error>([&] {
    mf::train(steps, options, [&](auto& now) { return mf::evaluate(mf::map<vertical>(loss_of(other)(now))); });
  });
  CHECK(mentions(text, "train, step 0: gradient of 'first.weight': not a finite number"));
}

TEST_CASE("unusable options are refused") {
  model<dev> net;
  mf::initialize(net, 3);
  mf::sgd<dev> optimizer(net);
  const auto refusal = [&](mf::training_options options) {
    options.progress = nullptr;
    return message_of<mf::argument_error>([&] { mf::train(optimizer, options, loss_of(net)); });
  };
  CHECK(mentions(refusal({.learning_rate = 1}), "unusable length"));
  CHECK(mentions(refusal({.samples = 10, .steps_per_epoch = 10, .learning_rate = 1}), "unusable length"));
  CHECK(mentions(refusal({.epochs = 0, .samples = 10, .learning_rate = 1}), "unusable length"));
  CHECK(mentions(refusal({.epochs = mf::isize(1) << 62, .samples = 10, .learning_rate = 1}), "unusable length"));
  CHECK(mentions(refusal({.samples = 10, .batch_size = 11, .learning_rate = 1}), "unusable batch size"));
  CHECK(mentions(refusal({.samples = 10}), "unusable learning rate"));
  CHECK(mentions(refusal({.samples = 10, .learning_rate = 1, .clip_norm = -1}), "unusable learning rate or clip_norm"));
}

}  // namespace test_train_trainer
