#pragma once
#include <cstddef>
#include <optional>
#include <string>

#include "clips.hpp"
#include "multifuse/cost/cost.hpp"
#include "outcome.hpp"
#include "worker_pool.hpp"

namespace demo {

/// What a training run is given.
struct run_options {
  std::uint64_t seed = 1;
  isize steps = 0;
  isize evaluations = 12;           ///< points of the learning curve
  std::vector<isize> mapped_clips = {};  ///< test clips of which to say what the model attends to
  const outcome* basis = nullptr;   ///< the run whose blocks this one builds on
  report_progress report = [](double) {};
};

/// A strategy whose types are hidden: what the main program knows of it.
struct experiment {
  std::string name, kind;
  bool is_fusion = false;
  std::optional<std::string> builds_on = {};                  ///< name of the strategy whose blocks it takes over
  isize frozen_parameters = 0;                                ///< those blocks, which are not trained
  multifuse::model_cost cost = {};                            ///< of one clip
  double (*forward_flops)(isize tokens) = nullptr;            ///< of the stages alone, for so many tokens in total
  outcome (*run)(const task&, const run_options&) = nullptr;
};

/// The experiment with one of the strategies in strategies.hpp; compiled separately for each.
template <class Strategy> experiment experiment_with();

}  // namespace demo
