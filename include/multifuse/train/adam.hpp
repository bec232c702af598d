#pragma once
#include <cmath>

#include "multifuse/core/math.hpp"
#include "multifuse/train/optimizer.hpp"

namespace multifuse {

/// Settings of Adam.
struct adam_options {
  double first_beta = 0.9;     ///< of the mean of gradients
  double second_beta = 0.999;  ///< of the mean of their squares
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool decoupled = true;  ///< AdamW: decay w by rate * weight_decay; otherwise add weight_decay * w to the gradient
};

namespace detail {

template <class T> struct adam_kernel {
  using C = compute_type<T>;
  master_weights<T> weights;
  const T* gradients;
  C* means;
  C* squares;
  const std::int32_t* group_of_block;
  const C* factors;
  C rate, first_beta, second_beta, epsilon, shrinkage, decay;
  C mean_correction, root_correction;  // 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t)

  MULTIFUSE_HD void operator()(isize block, isize lane) const {
    const isize i = block * 16 + lane;
    const C* const factor = factors + 2 * group_of_block[block];
    const C value = weights.load(i);
    const C gradient = gradients[i] + decay * factor[1] * value;
    const C mean = first_beta * means[i] + (C(1) - first_beta) * gradient;
    const C square = second_beta * squares[i] + (C(1) - second_beta) * gradient * gradient;
    means[i] = mean;
    squares[i] = square;
    const C own_rate = rate * factor[0];
    weights.store(i, value * (C(1) - own_rate * shrinkage * factor[1]) -
                         own_rate * mean * mean_correction / (math::sqrt(square) * root_correction + epsilon));
  }
};

}  // namespace detail

/// Adam (Kingma and Ba 2015) with bias correction, and AdamW (Loshchilov and Hutter 2019), the default, whose weight
/// decay does not pass through the moments. One pass over all parameters per step.
///     adam<cpu<float>> optimizer(model, {.weight_decay = 0.05});
template <class D> class adam : public optimizer<D> {
 public:
  /// Throws argument_error for betas outside 0 ... 1, epsilon <= 0, negative decay, and as `optimizer`.
  template <class M>
  explicit adam(M& model, adam_options options = {}, const std::vector<parameter_rule>& rules = {})
      : optimizer<D>(model, rules), options_(options), means_(this->zero_state()), squares_(this->zero_state()) {
    detail::check_setting("adam", "first beta", options.first_beta, 1);
    detail::check_setting("adam", "second beta", options.second_beta, 1);
    detail::check_setting("adam", "epsilon", options.epsilon > 0 ? options.epsilon : -1, 1);
    detail::check_setting("adam", "weight decay", options.weight_decay, 1e6);
  }

  /// One step along the gradients, at this learning rate times the factors of the rules.
  void step(double learning_rate) {
    using T = typename D::scalar;
    using C = compute_type<T>;
    detail::check_setting("adam::step", "learning rate", learning_rate, 1e9);
    const auto steps = static_cast<double>(++this->steps_);
    D::for_each(
        this->blocks(), parameter_groups<D>::block,
        detail::adam_kernel<T>{
            this->weights(), this->flat_.gradients.data(), means_.data(), squares_.data(),
            this->groups_.group_of_block.data(), this->groups_.factors.data(), C(learning_rate), C(options_.first_beta),
            C(options_.second_beta), C(options_.epsilon), C(options_.decoupled ? options_.weight_decay : 0),
            C(options_.decoupled ? 0 : options_.weight_decay), C(1 / (1 - std::pow(options_.first_beta, steps))),
            C(1 / std::sqrt(1 - std::pow(options_.second_beta, steps)))});
    this->flat_.values.owner().note_change();
  }

  /// What a checkpoint must hold: calls `f(name, number)` and `f(name, tensor)`, whose elements may be set.
  template <class F> void for_each_state(F&& f) {
    this->for_each_common_state(f);
    this->for_each_part("mean", means_, f);
    this->for_each_part("square", squares_, f);
  }

 private:
  adam_options options_;
  typename optimizer<D>::state_tensor means_, squares_;
};

}  // namespace multifuse
