#pragma once
#include <ostream>
#include <vector>

#include "experiment.hpp"
#include "options.hpp"

namespace demo {

/// One strategy with all its seeds.
struct strategy_results {
  experiment strategy;
  std::vector<outcome> runs;        ///< one for each seed

  /// Mean over the seeds of what `f` says of a run.
  template <class F> double mean(F f) const {
    double sum = 0;
    for (const outcome& run : runs) sum += f(run);
    return sum / double(runs.size());
  }
  double accuracy(std::size_t condition) const;
  double deviation(std::size_t condition) const;  ///< over the seeds; 0 for one
};

/// All that was found out.
struct comparison {
  const task* data = nullptr;
  std::vector<strategy_results> strategies = {};
  isize steps = 0;                  ///< of each training
  std::vector<isize> mapped_clips = {};
  double seconds = 0;
  int seeds = 0, jobs = 0;
  bool limited = false;             ///< fewer steps than planned, for want of time

  std::size_t best(bool fusion) const;
};

/// Measures the speed of each strategy, shares the time out in steps, equally many for all, and trains.
comparison compare(const task& data, const std::vector<experiment>& experiments, const program_options& options,
                   double seconds_left, std::ostream& log);

/// Cells of the table: name, accuracy, parameters, FLOPs, seconds of training, milliseconds of inference, peak memory.
std::vector<std::vector<std::string>> table_rows(const comparison& found);

/// The table for the terminal, in plain text.
void print_table(const comparison& found, std::ostream& out);

/// The report.
void write_page(const comparison& found, const program_options& options, const std::string& data_description);

}  // namespace demo
