#pragma once
#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "multifuse/tape/variable.hpp"
#include "multifuse/train/clip.hpp"
#include "multifuse/train/data_order.hpp"
#include "multifuse/train/progress.hpp"

namespace multifuse {

/// What has happened in a step of training.
struct step_report {
  isize step;
  double loss;
  double learning_rate;
  std::optional<double> gradient_norm;  ///< before clipping, if gradients are clipped
};

/// How `train` trains. Only the length and the learning rate must be set.
struct training_options {
  isize epochs = 1;
  isize samples = 0;          ///< in the data set; an epoch sees each at most once, in a new order
  isize steps_per_epoch = 0;  ///< instead of `samples`, for batches that come from elsewhere
  isize batch_size = 1;
  double learning_rate = 0;
  std::function<double(isize step)> schedule = {};  ///< factor on the learning rate, as in train/schedule.hpp
  double clip_norm = 0;                             ///< limit of the gradients' global norm; 0: none
  std::uint64_t seed = 0;                           ///< of all that is random: order of data, augmentation, dropout

  std::function<void(const step_report&)> after_step = {};  ///< e.g. to update a moving average, or to keep a curve
  std::string_view metric = "metric";                       ///< name of what `evaluate` returns
  std::function<double()> evaluate = {};
  isize evaluate_every = 0;  ///< steps; 0: an epoch. Also after the last step
  std::function<void()> save = {};
  isize save_every = 0;                 ///< steps; 0: an epoch. Also after the last step
  std::ostream* progress = &std::cerr;  ///< where it is shown; null: nowhere
};

/// A step of training, as the loss sees it.
struct training_step {
  isize step, epoch;
  random_key random;             ///< of this step, for augmentations
  std::span<const isize> items;  ///< which samples to use; empty without `samples`
  tape* recorder;

  /// The data as variables: what is computed from them can be differentiated.
  template <class D, class S> variable<D, S> record(const tensor<D, S>& x) const {
    return multifuse::record(*recorder, x);
  }
};

/// What a run of training ends with.
struct training_result {
  isize steps = 0;               ///< taken in this call
  double loss = 0;               ///< of the last step
  std::optional<double> metric;  ///< the last one evaluated
};

namespace detail {

inline isize steps_of_epoch(const training_options& options) {
  const bool from_samples = options.samples > 0;
  if (options.epochs < 1 || options.batch_size < 1 || from_samples == (options.steps_per_epoch > 0) ||
      options.samples < 0 || options.steps_per_epoch < 0 || options.evaluate_every < 0 || options.save_every < 0 ||
      options.epochs > std::numeric_limits<isize>::max() / std::max(options.samples, options.steps_per_epoch))
    throw argument_error("train", "unusable length",
                         "epochs and batch_size >= 1, and either samples or steps_per_epoch",
                         std::to_string(options.epochs) + " epochs of " + std::to_string(options.samples) +
                             " samples, " + std::to_string(options.steps_per_epoch) + " steps");
  if (!(options.learning_rate > 0 && options.learning_rate < 1e9) || !(options.clip_norm >= 0))
    throw argument_error("train", "unusable learning rate or clip_norm", "learning_rate > 0, clip_norm >= 0",
                         std::to_string(options.learning_rate) + ", " + std::to_string(options.clip_norm));
  return from_samples ? options.samples / options.batch_size : options.steps_per_epoch;
}

inline bool is_due(isize step, isize every, isize steps_per_epoch, isize total) {
  return (step + 1) % (every > 0 ? every : steps_per_epoch) == 0 || step + 1 == total;
}

}  // namespace detail

/// Trains: for each step draws the batch, computes `loss(now)`, a variable of one number, on a tape in training mode,
/// its gradients, clips them, and steps the optimizer. Evaluates and saves at intervals and shows the progress.
///
///     adam<dev> optimizer(model, {.weight_decay = 0.05});
///     train(optimizer, {.epochs = 10, .samples = 5000, .batch_size = 50, .learning_rate = 1e-3}, [&](auto& now) {
///       const auto batch = data.batch(now.items);
///       return cross_entropy(model(now.record(batch.video), now.record(batch.audio)), batch.labels);
///     });
///
/// Training goes on where the optimizer is: a run that loads the model and the optimizer from a checkpoint and calls
/// `train` with the same options ends with the same bits as one that was never interrupted, because all that is random
/// follows from the seed and the step.
/// Throws argument_error for unusable options and, naming the step and before the parameters change, for a loss that is
/// not finite or, with clip_norm, a gradient; passes on what the callbacks throw.
template <class Optimizer, class Loss>
training_result train(Optimizer& optimizer, const training_options& options, Loss&& loss) {
  const isize steps_per_epoch = detail::steps_of_epoch(options), total = options.epochs * steps_per_epoch;
  const random_key key{options.seed, 0};
  std::optional<batch_order> order;
  if (options.samples > 0) order.emplace(key.split("order"), options.samples, options.batch_size);
  std::optional<progress> display;
  if (options.progress != nullptr && optimizer.steps() < total)
    display.emplace(progress_options{options.epochs, steps_per_epoch, optimizer.steps()}, *options.progress);
  training_result result;
  tape recorder;
  while (optimizer.steps() < total) {
    const isize step = optimizer.steps();
    const auto number = static_cast<std::uint64_t>(step);
    const double rate = options.learning_rate * (options.schedule ? options.schedule(step) : 1.0);
    step_report report{step, 0, rate, {}};
    try {
      recorder.restart({.training = true, .random = key.split("layers").split(number)});
      optimizer.zero_gradients();
      const training_step now{step, step / steps_per_epoch, key.split("data").split(number),
                              order ? (*order)(step) : std::span<const isize>(), &recorder};
      const auto value = loss(now);
      report.loss = static_cast<double>(value.value().to_host().at(0));
      if (!std::isfinite(report.loss))
        throw argument_error("loss", "not a finite number", "", std::to_string(report.loss));
      backward(value);
      if (options.clip_norm > 0) report.gradient_norm = clip_global_norm(optimizer.parameters(), options.clip_norm);
      optimizer.step(rate);
    } catch (const argument_error& problem) {
      throw argument_error("train, step " + std::to_string(step), problem.what(), "", "");
    }
    ++result.steps;
    result.loss = report.loss;
    if (options.after_step) options.after_step(report);
    if (options.evaluate && detail::is_due(step, options.evaluate_every, steps_per_epoch, total))
      result.metric = options.evaluate();
    if (options.save && detail::is_due(step, options.save_every, steps_per_epoch, total)) options.save();
    if (display)
      display->update({step, options.batch_size, report.loss, result.metric ? options.metric : std::string_view(),
                       result.metric.value_or(0)});
  }
  return result;
}

}  // namespace multifuse
