#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "outcome.hpp"

namespace demo {

/// One training run.
struct planned_job {
  std::size_t strategy = 0;
  std::uint64_t seed = 1;
  std::int64_t steps = 0;
  std::optional<std::size_t> after = {};  ///< the job whose outcome it needs
};

/// How far a running job is; the worker calls it now and then.
using report_progress = std::function<void(double share)>;

/// What happens while jobs run.
struct pool_events {
  std::function<void(std::size_t job, const outcome&)> finished;
  std::function<void(const std::vector<double>& shares)> progressed;  ///< of each job, 0 ... 1
};

/// Runs jobs in processes of their own, so many at a time, each as soon as the one it needs is done. A worker is a fork
/// of this process: it reads the loaded clips where they are, and what it changes stays its own.
/// @param body  runs in the worker; gets the outcome of the job that this one needs
/// @throws device_error  when a worker fails, with its message; the others are ended
std::vector<outcome> run_jobs(const std::vector<planned_job>& jobs, std::size_t parallel,
                              const std::function<outcome(const planned_job&, const outcome*, const report_progress&)>& body,
                              const pool_events& events);

}  // namespace demo
