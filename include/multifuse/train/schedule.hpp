#pragma once
#include <cmath>
#include <concepts>
#include <numbers>
#include <string>

#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"

// Learning-rate schedules: function objects from the step (0 for the first) to the factor on the base rate.
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

/// Straight line from `first` at step 0 to 1 at step `steps`; 1 from there on.
class linear_warm_up {
 public:
  /// @throws argument_error  for less than one step, or a first factor that is negative or not finite
  constexpr explicit linear_warm_up(isize steps, double first = 0)
      : steps_(detail::checked_steps("schedule::linear_warm_up", steps)),
        first_(detail::checked_factor("schedule::linear_warm_up", first)) {}
  constexpr double operator()(isize step) const {
    const double position = detail::checked_position("schedule::linear_warm_up", step);
    return step >= steps_ ? 1 : first_ + (1 - first_) * position / static_cast<double>(steps_);
  }

 private:
  isize steps_;
  double first_;
};

/// Half a cosine wave from 1 at step 0 to `last` at step `steps`; `last` from there on.
class cosine {
 public:
  /// @throws argument_error  for less than one step, or a last factor that is negative or not finite
  constexpr explicit cosine(isize steps, double last = 0)
      : steps_(detail::checked_steps("schedule::cosine", steps)),
        last_(detail::checked_factor("schedule::cosine", last)) {}
  constexpr double operator()(isize step) const {
    const double position = detail::checked_position("schedule::cosine", step);
    if (step >= steps_) return last_;
    const double wave = detail::sine(std::numbers::pi * (0.5 - position / static_cast<double>(steps_)));
    return last_ + (1 - last_) * (1 + wave) / 2;
  }

 private:
  isize steps_;
  double last_;
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

}  // namespace multifuse::schedule
