#include <multifuse/io/checkpoint.hpp>
#include <multifuse/train/adam.hpp>
#include <multifuse/train/mixup.hpp>
#include <multifuse/train/moving_average.hpp>
#include <multifuse/train/sgd.hpp>
#include <multifuse/train/trainer.hpp>

#include "../io/scratch_directory.hpp"
#include "../train/two_sensors.hpp"
#include "parity.hpp"

namespace test_device_train {

namespace mf = multifuse;

namespace {

/// Twelve steps with everything that touches the device; gives the weights, the averages and the losses. Interrupted
/// after half of them, it goes on from a checkpoint.
template <class D, template <class> class Optimizer> std::vector<double> trained(bool interrupted) {
  const scratch_directory scratch;
  std::vector<double> found;
  const auto run = [&](int steps, bool resume) {
    two_sensors::model<D> net;
    net.dropped = 0.25;
    mf::initialize(net, 3);
    Optimizer<D> optimizer(net, {.weight_decay = 0.01}, {{.pattern = "*", .largest_rank = 1, .weight_decay = 0}});
    mf::moving_average teacher(net, 0.8);
    const auto path = scratch / "run";
    if (resume) mf::load_checkpoint(path, "model", net, "optimizer", optimizer, "teacher", teacher.model());
    mf::training_options options{.steps_per_epoch = steps,
                                 .learning_rate = 0.02,
                                 .clip_norm = 0.5,
                                 .after_step =
                                     [&](const mf::step_report& report) {
                                       teacher.update(net);
                                       found.push_back(report.loss);
                                       found.push_back(report.gradient_norm.value());
                                     },
                                 .progress = nullptr};
    mf::train(optimizer, options, [&](const mf::training_step& now) {
      const auto data = two_sensors::draw_batch<D>(now.random, 8);
      const mf::mixup mix(now.random, 8, {.per_item = true});
      return mf::squared_error(net(now.record(mix(data.a)), now.record(mix(data.b))), mix(data.target));
    });
    mf::save_checkpoint(path, "model", net, "optimizer", optimizer, "teacher", teacher.model());
    for (auto* one : {&net, &teacher.model()})
      for (const double value : two_sensors::values_of(*one)) found.push_back(value);
  };
  if (interrupted) {
    run(6, false);
    found.resize(12);
  }
  run(12, interrupted);
  return found;
}

template <class T, template <class> class Optimizer> void check_training() {
  const auto expected = trained<mf::cpu<T>, Optimizer>(false);
  const auto found = trained<check::other<T>, Optimizer>(false);
  CHECK(trained<check::other<T>, Optimizer>(true) == found);
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(std::abs(found[i] - expected[i]) <= check::parity_tolerance_of<T> * std::max(1.0, std::abs(expected[i])));
}

}  // namespace

TEST_CASE("training with SGD on another device") { check_training<float, mf::sgd>(); }
TEST_CASE("training with Adam on another device") { check_training<float, mf::adam>(); }
TEST_CASE("training in bf16 with float master weights on another device") { check_training<mf::bf16, mf::adam>(); }

TEST_CASE("a checkpoint of another device is one of the CPU, bit by bit, and back") {
  const scratch_directory scratch;
  const auto there = scratch / "there", here = scratch / "here", again = scratch / "again";
  const auto pass_on = [&]<class D>(D, const auto& from, const auto& to, bool starts) {
    two_sensors::model<D> net;
    mf::initialize(net, 3);
    mf::adam<D> optimizer(net);
    if (!starts) mf::load_checkpoint(from, "model", net, "optimizer", optimizer);
    if (starts) {
      auto gradients = optimizer.parameters().gradients;
      gradients.fill(typename D::scalar(0.3f));
      optimizer.step(0.01);
    }
    mf::save_checkpoint(to, "model", net, "optimizer", optimizer);
  };
  pass_on(check::other_device(), there, there, true);
  pass_on(mf::cpu<float>(), there, here, false);
  pass_on(check::other_device(), here, again, false);
  CHECK(read_text(there).size() > 1000);
  CHECK(read_text(here) == read_text(there));
  CHECK(read_text(again) == read_text(there));
}

}  // namespace test_device_train
