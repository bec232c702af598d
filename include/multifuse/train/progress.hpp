#pragma once
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"

namespace multifuse {

/// Columns of the terminal that the stream writes to; 0 when it writes anywhere else, or to one that cannot redraw.
inline isize terminal_columns(const std::ostream& stream) {
  const int file = stream.rdbuf() == std::cout.rdbuf()                                          ? STDOUT_FILENO
                   : stream.rdbuf() == std::cerr.rdbuf() || stream.rdbuf() == std::clog.rdbuf() ? STDERR_FILENO
                                                                                                : -1;
  const char* kind = std::getenv("TERM");
  if (file < 0 || ::isatty(file) == 0 || (kind != nullptr && std::string_view(kind) == "dumb")) return 0;
  winsize size{};
  return ::ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// Seconds of a clock that never goes back.
inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Length of a training run, and how often its progress is shown.
struct progress_options {
  isize epochs = 1;
  isize steps_per_epoch = 1;
  isize first_step = 0;         ///< steps done before this run, when it resumes another
  double redraw_seconds = 0.1;  ///< between two drawings of the bar on a terminal
  double line_seconds = 10;     ///< between two lines elsewhere
};

/// What has been reached after a training step.
struct progress_report {
  isize step = 0;     ///< counted from 0 over all epochs; this one is done
  isize samples = 0;  ///< samples of this step
  double loss = 0;
  std::string_view metric_name = {};  ///< e.g. "accuracy"; empty when there is no metric
  double metric = 0;
};

/// Shows how far training is: epoch, step, loss, metric, samples per second and time left. On a terminal one line
/// that is also the bar, redrawn in place; elsewhere plain lines at intervals. Speed and time left are means over this
/// run.
class progress {
 public:
  using clock = std::function<double()>;

  /// @param columns  width of the terminal, 0 for plain lines
  /// @param seconds  the time; injected by tests
  /// @throws argument_error  for less than one epoch or step, a first step outside the run, or a negative interval
  explicit progress(const progress_options& options, std::ostream& stream, isize columns,
                    clock seconds = steady_seconds)
      : options_(options), stream_(stream), columns_(columns), seconds_(std::move(seconds)) {
    if (options.epochs < 1 || options.steps_per_epoch < 1 ||
        options.epochs > std::numeric_limits<isize>::max() / options.steps_per_epoch || options.first_step < 0 ||
        options.first_step > total_steps() || columns < 0)
      throw argument_error("progress", "unusable extent", "epochs, steps >= 1; first step inside the run; columns >= 0",
                           std::to_string(options.epochs) + " epochs of " + std::to_string(options.steps_per_epoch) +
                               " steps from step " + std::to_string(options.first_step) + ", " +
                               std::to_string(columns) + " columns");
    if (!(options.redraw_seconds >= 0) || !(options.line_seconds >= 0))
      throw argument_error("progress", "unusable interval", "0 seconds or more",
                           std::to_string(options.redraw_seconds) + " and " + std::to_string(options.line_seconds));
    start_ = shown_ = seconds_();
  }
  explicit progress(const progress_options& options, std::ostream& stream = std::cerr)
      : progress(options, stream, terminal_columns(stream)) {}

  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// Leaves the cursor on a line of its own.
  ~progress() {
    try {
      if (drawn_) stream_ << '\n' << std::flush;
    } catch (...) {  // a closed stream is no reason to end the program
    }
  }

  /// Tells of a finished step; shows it when the interval has passed, and always when it is the last one of the run.
  /// @throws argument_error  for a step outside this run, or negative samples
  void update(const progress_report& report) {
    if (report.step < options_.first_step || report.step >= total_steps())
      throw argument_error("progress::update", "step outside the run",
                           std::to_string(options_.first_step) + " ... " + std::to_string(total_steps() - 1),
                           std::to_string(report.step));
    if (report.samples < 0)
      throw argument_error("progress::update", "negative samples", "0 or more", std::to_string(report.samples));
    samples_ += static_cast<double>(report.samples);
    const double now = seconds_();
    const double interval = columns_ > 0 ? options_.redraw_seconds : options_.line_seconds;
    if (now - shown_ < interval && report.step + 1 < total_steps()) return;
    shown_ = now;
    const std::string text = describe(report, now - start_);
    if (columns_ > 0) {
      bar_ = as_bar(text, static_cast<double>(report.step + 1) / static_cast<double>(total_steps()));
      redraw();
    } else {
      stream_ << text << '\n' << std::flush;
    }
  }

  /// Prints a line of its own, e.g. the result of a validation; the bar moves below it.
  void note(std::string_view text) {
    if (drawn_) stream_ << "\r\x1b[K";
    stream_ << text << '\n';
    if (drawn_) redraw();
    stream_ << std::flush;
  }

 private:
  isize total_steps() const { return options_.epochs * options_.steps_per_epoch; }

  std::string describe(const progress_report& report, double elapsed) const {
    const isize epoch = report.step / options_.steps_per_epoch, step = report.step % options_.steps_per_epoch;
    std::string text = "epoch " + std::to_string(epoch + 1) + "/" + std::to_string(options_.epochs) + "  step " +
                       std::to_string(step + 1) + "/" + std::to_string(options_.steps_per_epoch) + "  loss " +
                       number(report.loss);
    if (!report.metric_name.empty()) text.append("  ").append(report.metric_name) += " " + number(report.metric);
    const auto done = static_cast<double>(report.step + 1 - options_.first_step);
    const auto ahead = static_cast<double>(total_steps() - report.step - 1);
    text += "  " + (elapsed > 0 ? number(samples_ / elapsed) : std::string("-")) + " samples/s";
    return text + "  " + duration(elapsed / done * ahead) + " left";
  }

  // The text itself is the bar, its done share in reverse video: a line of 80 columns has no room for both.
  std::string as_bar(std::string text, double share) const {
    const auto width = static_cast<std::size_t>(columns_ - 1);  // the last column stays free, or some terminals wrap
    text.resize(width, ' ');
    text.insert(static_cast<std::size_t>(share * static_cast<double>(width)), "\x1b[27m");
    return "\x1b[7m" + text;
  }

  void redraw() {
    stream_ << '\r' << bar_ << "\x1b[K" << std::flush;
    drawn_ = true;
  }

  static std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, std::abs(value) >= 1000 && std::abs(value) < 1e7 ? "%.0f" : "%.4g", value);
    return text;
  }

  // h:mm:ss, or m:ss below an hour
  static std::string duration(double seconds) {
    if (!(seconds < 1e9)) return "-";
    const auto whole = static_cast<long>(std::ceil(seconds));
    char text[32];
    if (whole < 3600)
      std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
    else
      std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    return text;
  }

  progress_options options_;
  std::ostream& stream_;
  isize columns_;
  clock seconds_;
  double start_ = 0, shown_ = 0, samples_ = 0;
  std::string bar_;
  bool drawn_ = false;  // the cursor stands behind a bar
};

}  // namespace multifuse
