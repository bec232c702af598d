#pragma once
#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <numbers>
#include <string>

#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"

// Schedules: function objects from the step (0 for the first) to the factor on the base rate, or to a temperature etc.
//   constexpr auto rate = schedule::warm_up(1000, schedule::cosine(9000));    // joined: the cosine starts at step 1000
//   constexpr auto mbt = schedule::linear_warm_up(250) * schedule::cosine(5000);  // product: both start at step 0
namespace multifuse::schedule {

/// Anything that gives a factor for a step.
template <class Rule>
concept rule = requires(const Rule& rule, isize step) {
  { rule(step) } -> std::convertible_to<double>;
};

namespace detail {

constexpr isize checked_steps(const char* where, isize steps) {
  if (steps < 1) throw argument_error(where, "unusable number of steps", "1 or more", std::to_string(steps));
  return steps;
}

constexpr double checked_factor(const char* where, double factor, double least_allowed = 0) {
  if (!(factor >= least_allowed && factor <= 1e6))
    throw argument_error(where, "unusable factor", "0 ... 1e6", std::to_string(factor));
  return factor;
}

constexpr double checked_position(const char* where, isize step) {
  if (step < 0) throw argument_error(where, "negative step", "0 or more", std::to_string(step));
  return static_cast<double>(step);
}

// sin(x) for |x| <= pi / 2 to rounding: the standard function is no constant expression in every compiler.
constexpr double sine(double x) {
  double term = x, sum = x;
  for (int n = 2; n < 26; n += 2) {
    term *= -x * x / (n * (n + 1));
    sum += term;
  }
  return sum;
}

}  // namespace detail

/// The same factor at every step.
class constant {
 public:
  constexpr explicit constant(double factor = 1) : factor_(detail::checked_factor("schedule::constant", factor)) {}
  constexpr double operator()(isize step) const {
    detail::checked_position("schedule::constant", step);
    return factor_;
  }

 private:
  double factor_;
};

/// Straight line from `first` at step 0 to `last` at step `steps`; `last` from there on.
class linear_warm_up {
 public:
  /// @throws argument_error  for less than one step, or an end that is negative or not finite
  constexpr explicit linear_warm_up(isize steps, double first = 0, double last = 1)
      : steps_(detail::checked_steps("schedule::linear_warm_up", steps)),
        first_(detail::checked_factor("schedule::linear_warm_up", first)),
        last_(detail::checked_factor("schedule::linear_warm_up", last)) {}
  constexpr double operator()(isize step) const {
    const double position = detail::checked_position("schedule::linear_warm_up", step);
    return step >= steps_ ? last_ : first_ + (last_ - first_) * position / static_cast<double>(steps_);
  }

 private:
  isize steps_;
  double first_, last_;
};

/// Half a cosine wave from `first` (1 if not given) at step 0 to `last` at step `steps`; `last` from there on.
class cosine {
 public:
  /// @throws argument_error  for less than one step, or an end that is negative or not finite
  constexpr cosine(isize steps, double first, double last)
      : steps_(detail::checked_steps("schedule::cosine", steps)),
        first_(detail::checked_factor("schedule::cosine", first)),
        last_(detail::checked_factor("schedule::cosine", last)) {}
  constexpr explicit cosine(isize steps, double last = 0) : cosine(steps, 1, last) {}
  constexpr double operator()(isize step) const {
    const double position = detail::checked_position("schedule::cosine", step);
    if (step >= steps_) return last_;
    const double wave = detail::sine(std::numbers::pi * (0.5 - position / static_cast<double>(steps_)));
    return last_ + (first_ - last_) * (1 + wave) / 2;
  }

 private:
  isize steps_;
  double first_, last_;
};

/// Multiplies by `factor` at step `first` and again every `every` steps. UAVM halves after each epoch:
/// `step_decay(steps_per_epoch, 0.5)`; its audio extractor from the 15th on: `step_decay(n, 0.5, 15 * n)`.
class step_decay {
 public:
  /// @throws argument_error  for less than one step between or before the changes, or a factor that is negative or not
  ///                         finite
  constexpr step_decay(isize every, double factor, isize first)
      : every_(detail::checked_steps("schedule::step_decay", every)),
        first_(detail::checked_steps("schedule::step_decay", first)),
        factor_(detail::checked_factor("schedule::step_decay", factor)) {}
  constexpr step_decay(isize every, double factor) : step_decay(every, factor, every) {}
  constexpr double operator()(isize step) const {
    detail::checked_position("schedule::step_decay", step);
    double product = 1;
    if (step < first_) return product;
    double power = factor_;  // by squaring: the count of changes may be large
    for (isize changes = 1 + (step - first_) / every_; changes > 0; changes /= 2, power *= power)
      if (changes % 2 == 1) product *= power;
    return product;
  }

 private:
  isize every_, first_;
  double factor_;
};

/// Smooth decay (or growth): factor^(step / steps).
class exponential {
 public:
  /// @throws argument_error  for less than one step, or a factor that is not positive and finite
  constexpr exponential(isize steps, double factor)
      : steps_(detail::checked_steps("schedule::exponential", steps)),
        factor_(detail::checked_factor("schedule::exponential", factor, 1e-300)) {}
  double operator()(isize step) const {
    return std::pow(factor_, detail::checked_position("schedule::exponential", step) / static_cast<double>(steps_));
  }

 private:
  isize steps_;
  double factor_;
};

/// Linear warm-up from `first` x then(0) to then(0) over `steps` steps, followed by `then`, whose step 0 is step
/// `steps`.
template <rule Then>
class warm_up {
 public:
  /// @throws as `linear_warm_up`
  constexpr warm_up(isize steps, Then then, double first = 0) : ramp_(steps, first), steps_(steps), then_(then) {}
  constexpr double operator()(isize step) const {
    return step < steps_ ? ramp_(step) * then_(0) : then_(step - steps_);
  }

 private:
  linear_warm_up ramp_;
  isize steps_;
  Then then_;
};

/// Both factors at the same step.
template <rule First, rule Second>
class product {
 public:
  constexpr product(First first, Second second) : first_(first), second_(second) {}
  constexpr double operator()(isize step) const { return first_(step) * second_(step); }

 private:
  First first_;
  Second second_;
};

template <rule First, rule Second>
constexpr product<First, Second> operator*(First first, Second second) {
  return {first, second};
}

enum class better { lower, higher };  ///< which way a watched number gets better

/// How `plateau` decides. The defaults are those of PyTorch's ReduceLROnPlateau.
struct plateau_options {
  better direction = better::lower;
  double factor = 0.1;      ///< on the rate at each reduction
  isize patience = 10;      ///< observations without an improvement that are put up with; one more reduces
  double threshold = 1e-4;  ///< what counts as an improvement: by more than this share of the best number,
  bool relative = true;     ///< or, if false, by more than this
  isize cooldown = 0;       ///< observations after a reduction that do not count against patience
  double least = 0;         ///< factor on the base rate that no reduction goes below
};

/// Reduces the rate when a number observed now and then, such as the loss of validation, stops improving. Unlike the
/// others it has a state, which checkpoints save and restore; hand it on by reference.
///     schedule::plateau rate({.patience = 3});
///     train(optimizer, {.schedule = std::cref(rate), .evaluate = [&] { return rate.observe(validation_loss()); }, ...
class plateau {
 public:
  /// @throws argument_error  unless 0 <= factor < 1 and nothing else is negative, threshold and least finite
  explicit plateau(const plateau_options& options = {}) : options_(options) {
    for (const double one : {options.threshold, options.least}) detail::checked_factor("schedule::plateau", one);
    if (!(options.factor >= 0 && options.factor < 1) || options.patience < 0 || options.cooldown < 0)
      throw argument_error("schedule::plateau", "unusable factor, patience or cooldown",
                           "0 <= factor < 1, others 0 or more", std::to_string(options.factor) + ", " +
                               std::to_string(options.patience) + ", " + std::to_string(options.cooldown));
  }

  /// The factor that holds now, whatever the step.
  double operator()(isize step) const {
    detail::checked_position("schedule::plateau", step);
    return factor_;
  }

  /// Takes note of a number, usually once an epoch, and gives it back.
  /// @throws argument_error  for what is not a number
  double observe(double metric) {
    if (std::isnan(metric)) throw argument_error("schedule::plateau", "nothing to compare", "a number", "not a number");
    const bool improved = is_improvement(metric);
    if (improved) best_ = metric;
    waited_ = improved || cooling_ > 0 ? 0 : waited_ + 1;
    cooling_ = std::max<isize>(0, cooling_ - 1);
    if (waited_ > options_.patience) {
      factor_ = std::min(factor_, std::max(factor_ * options_.factor, options_.least));
      cooling_ = options_.cooldown, waited_ = 0;
    }
    return metric;
  }

  double best() const { return best_; }  ///< of the observed numbers; infinite before the first

  /// What a checkpoint must hold.
  void for_each_state(auto&& f) {
    f("factor", factor_), f("best", best_), f("waited", waited_), f("cooling", cooling_);
  }

 private:
  bool is_improvement(double metric) const {
    if (best_ == worst_) return metric != worst_;
    const double least_gain = options_.threshold * (options_.relative ? std::abs(best_) : 1);
    return options_.direction == better::lower ? metric < best_ - least_gain : metric > best_ + least_gain;
  }

  plateau_options options_;
  double worst_ = std::numeric_limits<double>::infinity() * (options_.direction == better::lower ? 1 : -1);
  double factor_ = 1, best_ = worst_;
  isize waited_ = 0, cooling_ = 0;
};

}  // namespace multifuse::schedule
