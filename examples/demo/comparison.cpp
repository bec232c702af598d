#include "comparison.hpp"

#include <cmath>
#include <cstdio>
#include <iomanip>

#include "multifuse/train/progress.hpp"
#include "support/spread.hpp"
#include "support/svg.hpp"

namespace demo {

using examples::fixed_text;
using examples::magnitude_text;

double strategy_results::accuracy(std::size_t condition) const {
  return mean([&](const outcome& run) { return run.accuracy[condition]; });
}

double strategy_results::deviation(std::size_t condition) const {
  std::vector<double> accuracies;
  for (const outcome& run : runs) accuracies.push_back(run.accuracy[condition]);
  return examples::spread(accuracies).deviation;
}

std::size_t comparison::best(bool fusion) const {
  std::size_t found = strategies.size();
  for (std::size_t s = 0; s < strategies.size(); ++s)
    if (strategies[s].strategy.is_fusion == fusion &&
        (found == strategies.size() || strategies[s].accuracy(0) > strategies[found].accuracy(0)))
      found = s;
  return found;
}

namespace {

constexpr isize full_steps = 2000, quick_steps = 150, calibration_steps = 24;

std::string minutes_text(double seconds) {
  const int whole = int(std::lround(std::max(0.0, seconds)));
  char text[32];
  std::snprintf(text, sizeof text, "%d:%02d", whole / 60, whole % 60);
  return text;
}

/// The line that says how far all trainings are: redrawn on a terminal, not shown elsewhere.
class status_line {
 public:
  status_line(std::ostream& stream, double work) : stream_(stream), columns_(multifuse::terminal_columns(stream)), work_(work) {}

  void show(double done, const std::string& running) {
    if (columns_ == 0) return;
    const double elapsed = multifuse::steady_seconds() - start_, share = done / work_;
    std::string text = " " + fixed_text(100 * share, 0) + " %  " + minutes_text(elapsed) + " passed";
    if (share > 0.02) text += ", " + minutes_text(elapsed / share - elapsed) + " left";
    text += "  " + running;
    text.resize(std::size_t(columns_ - 1), ' ');
    text.insert(std::size_t(share * double(columns_ - 1)), "\x1b[27m");
    stream_ << "\r\x1b[7m" << text << "\x1b[0m" << std::flush;
  }
  void note(const std::string& text) {
    if (columns_ > 0) stream_ << "\r\x1b[K";
    stream_ << text << std::endl;
  }

 private:
  
  std::ostream& stream_;
  isize columns_;
  double work_, start_ = multifuse::steady_seconds();
};

/// Seconds that one training step of each strategy takes while as many run side by side as later.
std::vector<double> step_seconds(const task& data, const std::vector<experiment>& experiments, std::size_t parallel) {
  std::vector<planned_job> jobs;
  for (std::size_t s = 0; s < experiments.size(); ++s) jobs.push_back({s, 1, calibration_steps, {}});
  const auto body = [&](const planned_job& job, const outcome*, const report_progress&) {
    return experiments[job.strategy].run(data, {.steps = job.steps, .evaluations = 0});
  };
  std::vector<double> seconds;
  for (const outcome& one : run_jobs(jobs, parallel, body, {[](auto, const auto&) {}, [](const auto&) {}}))
    seconds.push_back(one.wall_seconds / double(calibration_steps));
  return seconds;
}

}  // namespace

comparison compare(const task& data, const std::vector<experiment>& experiments, const program_options& options,
                   double seconds_left, std::ostream& log) {
  const double start = multifuse::steady_seconds();
  const auto parallel = std::size_t(options.jobs);
  comparison found{.data = &data, .seeds = options.seeds, .jobs = options.jobs};
  const std::vector<double> seconds = step_seconds(data, experiments, parallel);

  // Steps: the planned number, or what nine tenths of the remaining time allow.
  double round_seconds = 0;
  for (const double one : seconds) round_seconds += one;
  const double usable = 0.9 * (seconds_left - (multifuse::steady_seconds() - start)) - 5;
  const double affordable = usable * double(parallel) / (round_seconds * options.seeds);
  const isize planned = options.quick ? quick_steps : full_steps;
  found.steps = std::clamp<isize>(isize(affordable), 20, planned);
  found.limited = found.steps < planned;
  log << "training: " << experiments.size() << " strategies x " << options.seeds << " seeds x " << found.steps << " steps, "
      << options.jobs << " at a time, about " << minutes_text(round_seconds * double(found.steps) * options.seeds / double(parallel))
      << " min" << (found.limited ? " (fewer than " + std::to_string(planned) + " steps, to end in time)" : "") << std::endl;

  // Test clips to look into: one of each of the first classes.
  const auto& labels = data.conditions[0].clips.labels;
  for (std::int32_t label = 0; label < std::ssize(data.classes) && found.mapped_clips.size() < 6; ++label)
    for (std::size_t i = 0; i < labels.size(); ++i)
      if (labels[i] == label) {
        found.mapped_clips.push_back(isize(i));
        break;
      }

  std::vector<planned_job> jobs;
  double work = 0;
  for (int seed = 1; seed <= options.seeds; ++seed)
    for (std::size_t s = 0; s < experiments.size(); ++s) {
      planned_job job{s, std::uint64_t(seed), found.steps, {}};
      if (experiments[s].builds_on)
        for (std::size_t j = 0; j < jobs.size(); ++j)
          if (jobs[j].seed == job.seed && experiments[jobs[j].strategy].name == *experiments[s].builds_on) job.after = j;
      jobs.push_back(job);
      work += seconds[s];
    }
  const auto body = [&](const planned_job& job, const outcome* basis, const report_progress& report) {
    run_options run{
        .seed = job.seed, .steps = job.steps, .evaluations = options.quick ? 4 : 12, .basis = basis, .report = report};
    if (job.seed == 1) run.mapped_clips = found.mapped_clips;
    return experiments[job.strategy].run(data, run);
  };
  status_line status(log, work);
  std::size_t finished = 0;
  const auto describe = [&](std::size_t j) {
    return experiments[jobs[j].strategy].name + ", seed " + std::to_string(jobs[j].seed);
  };
  const auto outcomes = run_jobs(
      jobs, parallel, body,
      {[&](std::size_t j, const outcome& one) {
         std::string place = std::to_string(++finished) + "/" + std::to_string(jobs.size());
         place.insert(0, 8 - std::min<std::size_t>(8, place.size()), ' ');
         std::string name = describe(j);
         name.resize(std::max<std::size_t>(name.size(), 30), ' ');
         status.note(place + "  " + name + fixed_text(one.accuracy[0], 1) + " %   " + fixed_text(one.wall_seconds, 1) +
                     " s");
       },
       [&](const std::vector<double>& shares) {
         double done = 0;
         std::string running;
         for (std::size_t j = 0; j < shares.size(); ++j) {
           done += shares[j] * seconds[jobs[j].strategy];
           if (shares[j] > 0 && shares[j] < 1) running += (running.empty() ? "" : " | ") + describe(j);
         }
         status.show(done, running);
       }});
  status.note("");
  for (std::size_t s = 0; s < experiments.size(); ++s) {
    strategy_results one{experiments[s], {}};
    for (std::size_t j = 0; j < jobs.size(); ++j)
      if (jobs[j].strategy == s) one.runs.push_back(outcomes[j]);
    found.strategies.push_back(std::move(one));
  }
  found.seconds = multifuse::steady_seconds() - start;
  return found;
}

std::vector<std::vector<std::string>> table_rows(const comparison& found) {
  std::vector<std::vector<std::string>> rows;
  for (const strategy_results& s : found.strategies)
    rows.push_back({s.strategy.name,
                    fixed_text(s.accuracy(0), 1) + (found.seeds > 1 ? " \u00b1 " + fixed_text(s.deviation(0), 1) : ""),
                    magnitude_text(double(s.strategy.cost.parameters - s.strategy.frozen_parameters)), magnitude_text(s.strategy.cost.forward_flops),
                    fixed_text(s.mean([](const outcome& run) { return run.processor_seconds; }), 1),
                    fixed_text(s.mean([](const outcome& run) { return run.inference_ms; }), 2),
                    fixed_text(s.mean([](const outcome& run) { return run.peak_mib; }), 1)});
  return rows;
}

void print_table(const comparison& found, std::ostream& out) {
  const char* const heads[] = {"strategy", "accuracy, %", "parameters", "FLOPs", "train, s", "infer, ms", "peak, MiB"};
  out << "\n" << std::left << std::setw(22) << heads[0];
  for (int c = 1; c < 7; ++c) out << std::right << std::setw(12) << heads[c];
  out << "\n" << std::string(22 + 6 * 12, '-') << "\n";
  for (const auto& row : table_rows(found)) {
    out << std::left << std::setw(22) << row[0];
    out << std::right << std::setw(found.seeds > 1 ? 13 : 12) << row[1];  // the sign takes two bytes
    for (std::size_t c = 2; c < row.size(); ++c) out << std::setw(12) << row[c];
    out << "\n";
  }
  out << "accuracy " << found.data->conditions[0].name
      << (found.seeds > 1 ? ", mean \u00b1 standard deviation of " + std::to_string(found.seeds) + " seeds" : std::string())
      << "; FLOPs of one forward pass of a clip\n";
}

}  // namespace demo
