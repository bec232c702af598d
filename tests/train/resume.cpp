// A run that is stopped anywhere and resumed ends with the same bits as one that was not.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <multifuse/io/checkpoint.hpp>
#include <multifuse/train/adam.hpp>
#include <multifuse/train/mixup.hpp>
#include <multifuse/train/moving_average.hpp>
#include <multifuse/train/schedule.hpp>
#include <multifuse/train/sgd.hpp>
#include <multifuse/train/trainer.hpp>

#include "io/scratch_directory.hpp"
#include "two_sensors.hpp"

namespace test_train_resume {

namespace mf = multifuse;
using namespace two_sensors;
using dev = mf::cpu<float>;

namespace {

constexpr mf::isize epochs = 3, steps_per_epoch = 12, total = epochs * steps_per_epoch;

/// Everything random at once: shuffled data, mixup, dropout; state in the optimizer, in buffers and in a teacher.
template <class Optimizer> struct experiment {
  model<dev> net = with_values();
  Optimizer optimizer{net, {}, {{.pattern = "second.bias", .frozen = true}}};
  mf::moving_average<model<dev>> teacher{net, 0.9};
  double best = 1e9;
  batch<dev> data = draw_batch<dev>({4, 4}, steps_per_epoch * 8 + 3);

  static model<dev> with_values() {
    model<dev> net;
    net.dropped = 0.25;
    mf::initialize(net, 3);
    return net;
  }

  void save(const std::filesystem::path& path) {
    mf::save_checkpoint(path, "model", net, "optimizer", optimizer, "teacher", teacher.model(), "best", best);
  }
  void load(const std::filesystem::path& path) {
    mf::load_checkpoint(path, "model", net, "optimizer", optimizer, "teacher", teacher.model(), "best", best);
  }

  /// Trains on from where it is, saves after each step, and calls `after_save`.
  template <class AfterSave> void run(const std::filesystem::path& path, AfterSave after_save) {
    mf::training_options options{.epochs = epochs,
                                 .samples = steps_per_epoch * 8 + 3,
                                 .batch_size = 8,
                                 .learning_rate = 0.02,
                                 .schedule = mf::schedule::warm_up(5, mf::schedule::cosine(total)),
                                 .clip_norm = 1,
                                 .seed = 11,
                                 .after_step =
                                     [&](const mf::step_report& report) {
                                       teacher.update(net);
                                       best = std::min(best, report.loss);
                                     },
                                 .save = [&] { save(path), after_save(); },
                                 .save_every = 1,
                                 .progress = nullptr};
    mf::train(optimizer, options, [&](const mf::training_step& now) {
      const mf::mixup mix(now.random, 8);
      const auto a = mix(rows(data.a, now.items));
      const auto b = mix(rows(data.b, now.items));
      return mf::squared_error(net(now.record(a), now.record(b)), mix(rows(data.target, now.items)));
    });
  }

  template <class S> static mf::tensor<dev, S> rows(const mf::tensor<dev, S>& x, std::span<const mf::isize> items) {
    const mf::tensor<dev, S> picked(S(items.size()));
    float* to = picked.data();
    for (const mf::isize item : items) to = std::copy_n(x.data() + item * x.dims()[1], x.dims()[1], to);
    return picked;
  }
};

struct stopped {};

template <class Optimizer> void check_stopping() {
  const scratch_directory scratch;
  experiment<Optimizer> whole;
  whole.run(scratch / "whole", [] {});
  const std::string expected = read_text(scratch / "whole");
  for (const mf::isize k : {1, 2, 7, 12, 24, 25, 35, 36}) {
    CAPTURE(k);
    experiment<Optimizer> first;
    try {
      first.run(scratch / "part", [&] {
        if (first.optimizer.steps() == k) throw stopped();
      });
    } catch (const stopped&) {}
    experiment<Optimizer> second;
    second.load(scratch / "part");
    CHECK(second.optimizer.steps() == k);
    second.run(scratch / "part", [] {});
    second.save(scratch / "part");
    CHECK(read_text(scratch / "part") == expected);
  }
}

}  // namespace

TEST_CASE("stopped after any step and resumed, with SGD") { check_stopping<mf::sgd<dev>>(); }

TEST_CASE("stopped after any step and resumed, with Adam") { check_stopping<mf::adam<dev>>(); }

TEST_CASE("killed while it trains and writes checkpoints, again and again") {
  const scratch_directory scratch;
  experiment<mf::adam<dev>> whole;
  whole.run(scratch / "whole", [] {});
  const auto path = scratch / "run";
  int kills = 0;
  bool finished = false;
  for (int attempt = 0; attempt < 200 && !finished; ++attempt) {
    int saved[2];
    REQUIRE(::pipe(saved) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        experiment<mf::adam<dev>> one;
        if (std::filesystem::exists(path)) one.load(path);
        one.run(path, [&] {
          if (::write(saved[1], "x", 1) != 1) ::_exit(2);
        });
        ::_exit(0);
      } catch (...) {
        ::_exit(3);
      }
    }
    ::close(saved[1]);
    char byte;
    for (int steps = 0; steps < 1 + attempt % 4; ++steps)  // it gets on, by up to four checkpoints
      if (::read(saved[0], &byte, 1) != 1) break;
    ::usleep(static_cast<useconds_t>(137 * attempt % 1500));  // then dies at another moment each time
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(saved[0]);
    kills += WIFSIGNALED(status);
    REQUIRE((WIFSIGNALED(status) || WEXITSTATUS(status) == 0));
    finished = WIFEXITED(status);
  }
  CHECK(finished);
  CHECK(kills >= 4);
  CHECK(read_text(path) == read_text(scratch / "whole"));
}

}  // namespace test_train_resume
