#include "multifuse/train/progress.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <sstream>
#include <string>

namespace test_train_progress {

namespace mf = multifuse;

TEST_CASE("plain lines at intervals, and for the last step") {
  std::ostringstream out;
  double now = 100;
  {
    mf::progress shown({.epochs = 2, .steps_per_epoch = 5, .line_seconds = 4}, out, 0, [&] { return now; });
    for (mf::isize step = 0; step < 10; ++step) {
      now += 1.5;
      shown.update({.step = step, .samples = 30, .loss = 1.0 / static_cast<double>(1 + step)});
      if (step == 4) shown.note("validation: accuracy 0.5");
    }
  }
  CHECK(out.str() ==
        "epoch 1/2  step 3/5  loss 0.3333  20 samples/s  0:11 left\n"
        "validation: accuracy 0.5\n"
        "epoch 2/2  step 1/5  loss 0.1667  20 samples/s  0:06 left\n"
        "epoch 2/2  step 4/5  loss 0.1111  20 samples/s  0:02 left\n"
        "epoch 2/2  step 5/5  loss 0.1  20 samples/s  0:00 left\n");
}

TEST_CASE("one line that is the bar, redrawn in place, with notes above it") {
  std::ostringstream out;
  double now = 0;
  {
    mf::progress shown({.epochs = 1, .steps_per_epoch = 4}, out, 81, [&] { return now; });
    now = 1;
    shown.update({.step = 0, .samples = 5000, .loss = 2.5, .metric_name = "accuracy", .metric = 0.75});
    now = 1.05;
    shown.update({.step = 1, .samples = 5000, .loss = 2});  // too soon
    shown.note("saved");
    now = 2;
    shown.update({.step = 3, .samples = 0, .loss = 1});
  }
  const std::string first =  // 20 of 80 columns in reverse video
      "\r\x1b[7mepoch 1/1  step 1/4 \x1b[27m loss 2.5  accuracy 0.75  5000 samples/s  0:03 left         \x1b[K";
  const std::string last =
      "\r\x1b[7mepoch 1/1  step 4/4  loss 1  5000 samples/s  0:00 left" + std::string(26, ' ') + "\x1b[27m\x1b[K\n";
  CHECK(out.str() == first + "\r\x1b[Ksaved\n" + first + last);
}

TEST_CASE("the bar never wraps") {
  for (mf::isize columns = 1; columns < 140; ++columns) {
    std::ostringstream out;
    double now = 0;
    mf::progress shown({.epochs = 3, .steps_per_epoch = 7}, out, columns, [&] { return now += 1; });
    for (mf::isize step = 0; step < 21; ++step) {
      out.str("");
      shown.update({.step = step, .samples = 16, .loss = 0.125, .metric_name = "accuracy", .metric = 0.5});
      const std::string invisible = "\r\x1b[7m\x1b[27m\x1b[K";
      CHECK(out.str().size() - invisible.size() == static_cast<std::size_t>(columns - 1));
    }
  }
}

TEST_CASE("a resumed run measures its own speed; long times have hours") {
  std::ostringstream out;
  double now = 0;
  mf::progress shown({.epochs = 100, .steps_per_epoch = 100, .first_step = 4000, .line_seconds = 0}, out, 0,
                     [&] { return now; });
  now = 2;
  shown.update({.step = 4000, .samples = 64, .loss = std::numeric_limits<double>::quiet_NaN()});
  CHECK(out.str() == "epoch 41/100  step 1/100  loss nan  32 samples/s  3:19:58 left\n");
}

TEST_CASE("no time passed gives no speed") {
  std::ostringstream out;
  mf::progress shown({.line_seconds = 0}, out, 0, [] { return 5.0; });
  shown.update({.step = 0, .samples = 8, .loss = 12345.6});
  CHECK(out.str() == "epoch 1/1  step 1/1  loss 12346  - samples/s  0:00 left\n");
}

TEST_CASE("a string stream is no terminal, and the steady clock advances") {
  std::ostringstream out;
  CHECK(mf::terminal_columns(out) == 0);
  const double first = mf::steady_seconds();
  CHECK(mf::steady_seconds() >= first);
  mf::progress shown({.line_seconds = 0}, out);
  shown.update({.step = 0, .loss = 1});
  CHECK(out.str().find('\x1b') == std::string::npos);
}

TEST_CASE("a broken stream does not end training") {
  std::ostringstream out;
  double now = 0;
  out.setstate(std::ios::badbit);
  mf::progress shown({.steps_per_epoch = 2}, out, 60, [&] { return now += 1; });
  CHECK_NOTHROW(shown.update({.step = 0, .loss = 1}));
  CHECK_NOTHROW(shown.note("still here"));
}

TEST_CASE("progress refuses bad extents, intervals and steps") {
  std::ostringstream out;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  using options = mf::progress_options;
  for (const options& bad :
       {options{.epochs = 0}, options{.steps_per_epoch = 0}, options{.first_step = -1}, options{.first_step = 2},
        options{.epochs = std::numeric_limits<mf::isize>::max(), .steps_per_epoch = 2}, options{.redraw_seconds = -1},
        options{.line_seconds = nan}})
    CHECK_THROWS_AS((mf::progress{bad, out}), mf::argument_error);
  CHECK_THROWS_AS((mf::progress{options{}, out, -1}), mf::argument_error);
  mf::progress shown({.epochs = 2, .steps_per_epoch = 3, .first_step = 1}, out);
  CHECK_THROWS_AS(shown.update({.step = 0}), mf::argument_error);
  CHECK_THROWS_AS(shown.update({.step = 6}), mf::argument_error);
  CHECK_THROWS_AS(shown.update({.step = 2, .samples = -1}), mf::argument_error);
}

}  // namespace test_train_progress
