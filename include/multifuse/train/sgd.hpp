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
  using C = compute_type<T>;
  master_weights<T> weights;
  const T* gradients;
  C* velocities;
  const std::int32_t* group_of_block;
  const C* factors;
  C rate, momentum, decay;
  bool nesterov;

  MULTIFUSE_HD void operator()(isize block, isize lane) const {
    const isize i = block * 16 + lane;
    const C* const factor = factors + 2 * group_of_block[block];
    const C value = weights.load(i);
    const C gradient = gradients[i] + decay * factor[1] * value;
    const C velocity = momentum * velocities[i] + gradient;
    velocities[i] = velocity;
    weights.store(i, value - rate * factor[0] * (nesterov ? gradient + momentum * velocity : velocity));
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
    using C = compute_type<T>;
    detail::check_setting("sgd::step", "learning rate", learning_rate, 1e9);
    D::for_each(
        this->blocks(), parameter_groups<D>::block,
        detail::sgd_kernel<T>{this->weights(), this->flat_.gradients.data(), velocities_.data(),
                              this->groups_.group_of_block.data(), this->groups_.factors.data(), C(learning_rate),
                              C(options_.momentum), C(options_.weight_decay), options_.nesterov});
    this->flat_.values.owner().note_change();
    ++this->steps_;
  }

  /// What a checkpoint must hold: calls `f(name, number)` and `f(name, tensor)`, whose elements may be set.
  template <class F> void for_each_state(F&& f) {
    this->for_each_common_state(f);
    this->for_each_part("momentum", velocities_, f);
  }

 private:
  sgd_options options_;
  typename optimizer<D>::state_tensor velocities_;
};

}  // namespace multifuse
