#pragma once
#include "multifuse/train/optimizer.hpp"

namespace multifuse {

/// Settings of stochastic gradient descent.
struct sgd_options {
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 0;  ///< added to the gradient: g + weight_decay * w
};

namespace detail {

template <class T> struct sgd_kernel {
  T* values;
  const T* gradients;
  T* velocities;
  const std::int32_t* group_of_block;
  const T* factors;
  T rate, momentum, decay;
  bool nesterov;

  MULTIFUSE_HD void operator()(isize block, isize lane) const {
    const isize i = block * 16 + lane;
    const T* const factor = factors + 2 * group_of_block[block];
    const T value = values[i];
    const T gradient = gradients[i] + decay * factor[1] * value;
    const T velocity = momentum * velocities[i] + gradient;
    velocities[i] = velocity;
    values[i] = value - rate * factor[0] * (nesterov ? gradient + momentum * velocity : velocity);
  }
};

}  // namespace detail

/// Stochastic gradient descent with momentum: v = momentum v + g, w = w - rate v; with Nesterov's look-ahead
/// w = w - rate (g + momentum v) (Sutskever et al. 2013). One pass over all parameters per step.
///     sgd<cpu<float>> optimizer(model, {.momentum = 0.9}, {{.pattern = "backbone.", .frozen = true}});
template <class D> class sgd : public optimizer<D> {
 public:
  /// Throws argument_error for settings outside 0 <= momentum < 1 or weight_decay < 0, and as `optimizer`.
  template <class M>
  explicit sgd(M& model, sgd_options options = {}, const std::vector<parameter_rule>& rules = {})
      : optimizer<D>(model, rules), options_(options), velocities_(this->zero_state()) {
    detail::check_setting("sgd", "momentum", options.momentum, 1);
    detail::check_setting("sgd", "weight decay", options.weight_decay, 1e6);
  }

  /// One step along the gradients, at this learning rate times the factors of the rules.
  void step(double learning_rate) {
    using T = typename D::scalar;
    detail::check_setting("sgd::step", "learning rate", learning_rate, 1e9);
    D::for_each(
        this->blocks(), parameter_groups<D>::block,
        detail::sgd_kernel<T>{this->flat_.values.data(), this->flat_.gradients.data(), velocities_.data(),
                              this->groups_.group_of_block.data(), this->groups_.factors.data(), T(learning_rate),
                              T(options_.momentum), T(options_.weight_decay), options_.nesterov});
    this->flat_.values.owner().note_change();
    ++this->steps_;
  }

  /// What a checkpoint must hold: calls `f(name, number)` and `f(name, tensor)`, whose elements may be set.
  template <class F> void for_each_state(F&& f) {
    f("steps", this->steps_);
    this->for_each_part("momentum", velocities_, f);
  }

 private:
  sgd_options options_;
  typename optimizer<D>::flat_tensor velocities_;
};

}  // namespace multifuse
