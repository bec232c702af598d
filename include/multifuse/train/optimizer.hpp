#pragma once
#include <string>
#include <utility>
#include <vector>

#include "multifuse/train/parameter_groups.hpp"

namespace multifuse {

namespace detail {

/// Weights as an optimizer sees them. Where elements are stored rounded, `masters` holds what they were rounded from,
/// so that steps smaller than the last place add up; a weight that was set by others since the last step counts as it
/// is.
template <class T> struct master_weights {
  using C = compute_type<T>;
  static constexpr bool kept = !std::is_same_v<T, C>;
  T* values;
  C* masters;
  MULTIFUSE_HD C load(isize i) const {
    if constexpr (kept)
      return T(masters[i]) == values[i] ? masters[i] : C(values[i]);
    else
      return values[i];
  }
  MULTIFUSE_HD void store(isize i, C weight) const {
    values[i] = weight;
    if constexpr (kept) masters[i] = weight;
  }
};

}  // namespace detail

/// What all optimizers share: the model's parameters in contiguous memory, the groups of the rules, and the count of
/// steps. A model of bf16 has master weights of float here, which checkpoints hold. Construction freezes what the rules
/// freeze and arranges the model, which needs values; after freezing or thawing by other means, construct a new
/// optimizer. Refers to the model's memory, not to the model.
template <class D> class optimizer {
 public:
  using device = D;
  using scalar = typename D::scalar;
  /// Numbers for each trained element: what it is computed with.
  using state_tensor = tensor<compute_device<D>, shape<samples<>>>;

  /// The model's values and gradients, one buffer each.
  const flat_parameters<D>& parameters() const { return flat_; }

  /// Sets all gradients to zero: before each backward pass, or before the first of several that add up.
  void zero_gradients() {
    auto gradients = flat_.gradients;
    gradients.fill(scalar(0));
  }

  /// Steps taken so far, counted on through checkpoints.
  isize steps() const { return steps_; }

 protected:
  /// Throws argument_error for a rule that is unusable or matches nothing, and when nothing is left to train.
  template <class M> optimizer(M& model, const std::vector<parameter_rule>& rules) {
    detail::check_rules(model, rules);
    detail::apply_freezing(model, rules);
    flat_ = arrange<D>(model);
    if (!flat_.gradients)
      throw argument_error("optimizer", "nothing to train", "a model with a parameter that is not frozen", "");
    groups_ = parameter_groups<D>(flat_, rules);
    if constexpr (detail::master_weights<scalar>::kept) masters_ = zero_state();  // steps find the model's weights
  }

  /// Memory for one number per trained element, zero.
  state_tensor zero_state() const { return zeros<compute_device<D>>(flat_.gradients.dims()); }

  /// The trained weights, for a kernel.
  detail::master_weights<scalar> weights() const { return {flat_.values.data(), masters_.data()}; }

  /// What a checkpoint must hold of any optimizer: calls `f(name, number)` and `f(name, tensor)`.
  template <class F> void for_each_common_state(F& f) {
    f("steps", steps_);
    if constexpr (detail::master_weights<scalar>::kept) for_each_part("weight", masters_, f);
  }

  /// Calls `f(name, part)` for the part of a state tensor that belongs to each trained parameter.
  template <class F> void for_each_part(const std::string& name, const state_tensor& state, F&& f) const {
    for (const auto& entry : flat_.entries)
      if (entry.trainable)
        f(name + "." + entry.name,
          state_tensor(state.owner(), state.data() + entry.offset, shape<samples<>>(entry.count)));
  }

  isize blocks() const { return flat_.gradients.size() / parameter_groups<D>::block; }

  flat_parameters<D> flat_;
  parameter_groups<D> groups_;
  state_tensor masters_;  // empty where the model's own weights are precise
  isize steps_ = 0;
};

namespace detail {

/// Throws argument_error unless 0 <= value < limit.
inline void check_setting(const char* where, const char* what, double value, double limit) {
  if (!(value >= 0 && value < limit))
    throw argument_error(where, std::string("unusable ") + what, "0 ... " + std::to_string(limit),
                         std::to_string(value));
}

}  // namespace detail

}  // namespace multifuse
