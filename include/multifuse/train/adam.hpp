#pragma once
#include <cmath>

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
  T* values;
  const T* gradients;
  T* means;
  T* squares;
  const std::int32_t* group_of_block;
  const T* factors;
  T rate, first_beta, second_beta, epsilon, shrinkage, decay;
  T mean_correction, root_correction;  // 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t)

  MULTIFUSE_HD void operator()(isize block, isize lane) const {
    const isize i = block * 16 + lane;
    const T* const factor = factors + 2 * group_of_block[block];
    const T value = values[i];
    const T gradient = gradients[i] + decay * factor[1] * value;
    const T mean = first_beta * means[i] + (T(1) - first_beta) * gradient;
    const T square = second_beta * squares[i] + (T(1) - second_beta) * gradient * gradient;
    means[i] = mean;
    squares[i] = square;
    const T own_rate = rate * factor[0];
    values[i] = value * (T(1) - own_rate * shrinkage * factor[1]) -
                own_rate * mean * mean_correction / (math::sqrt(square) * root_correction + epsilon);
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
    detail::check_setting("adam::step", "learning rate", learning_rate, 1e9);
    const auto steps = static_cast<double>(++this->steps_);
    D::for_each(
        this->blocks(), parameter_groups<D>::block,
        detail::adam_kernel<T>{
            this->flat_.values.data(), this->flat_.gradients.data(), means_.data(), squares_.data(),
            this->groups_.group_of_block.data(), this->groups_.factors.data(), T(learning_rate), T(options_.first_beta),
            T(options_.second_beta), T(options_.epsilon), T(options_.decoupled ? options_.weight_decay : 0),
            T(options_.decoupled ? 0 : options_.weight_decay), T(1 / (1 - std::pow(options_.first_beta, steps))),
            T(1 / std::sqrt(1 - std::pow(options_.second_beta, steps)))});
    this->flat_.values.owner().note_change();
  }

  /// What a checkpoint must hold: calls `f(name, number)` and `f(name, tensor)`, whose elements may be set.
  template <class F> void for_each_state(F&& f) {
    f("steps", this->steps_);
    this->for_each_part("mean", means_, f);
    this->for_each_part("square", squares_, f);
  }

 private:
  adam_options options_;
  typename optimizer<D>::flat_tensor means_, squares_;
};

}  // namespace multifuse
