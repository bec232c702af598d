#pragma once
#include <string>
#include <type_traits>
#include <vector>

#include "multifuse/tape/members.hpp"

namespace multifuse {
namespace detail {

template <class T> struct average_kernel {
  using C = compute_type<T>;
  T* average;
  const T* latest;
  C decay;
  MULTIFUSE_HD void operator()(isize, isize i) const { average[i] = decay * average[i] + (C(1) - decay) * latest[i]; }
};

template <class L>
inline constexpr bool is_stored = is_parameter<std::remove_cvref_t<L>> || is_buffer<std::remove_cvref_t<L>>;

inline void check_decay(double decay) {
  if (!(decay >= 0 && decay <= 1))
    throw argument_error("moving_average", "unusable decay", "0 ... 1", std::to_string(decay));
}

}  // namespace detail

/// Moves the parameters of one model towards those of another one of its type: average = decay * average + (1 - decay)
/// * latest; buffers are copied. Throws argument_error when a model has no values, or unless 0 <= decay <= 1.
template <class Model> void average_into(Model& average, const Model& latest, double decay) {
  detail::check_decay(decay);
  std::vector<const void*> sources;
  for_each_member(const_cast<Model&>(latest), [&](auto& leaf) {
    if constexpr (detail::is_stored<decltype(leaf)>) sources.push_back(leaf.value().data());
  });
  std::size_t next = 0;
  for_each_member(average, [&](auto& leaf) {
    using L = std::remove_cvref_t<decltype(leaf)>;
    if constexpr (detail::is_stored<L>) {
      using T = typename L::scalar;
      const T* const from = static_cast<const T*>(sources[next++]);
      if constexpr (is_parameter<L>)
        L::device::for_each(1, L::count, detail::average_kernel<T>{leaf.value().data(), from, compute_type<T>(decay)});
      else
        L::device::copy(leaf.value().data(), from, L::count);
      leaf.value().owner().note_change();
    }
  });
}

/// A second model whose weights are exponential moving averages of those of the first:
/// average = decay * average + (1 - decay) * latest; buffers are copied. It is frozen: it gives predictions or targets.
///     moving_average teacher(model, 0.999);  ...  teacher.update(model);  auto y = teacher.model()(x);
template <class Model> class moving_average {
 public:
  /// Starts as a copy of the model. Throws argument_error unless 0 <= decay <= 1.
  moving_average(const Model& model, double decay) : average_(model) {
    set_decay(decay);
    set_trainable(average_, "*", false);
  }

  double decay() const { return decay_; }
  void set_decay(double decay) {
    detail::check_decay(decay);
    decay_ = decay;
  }

  /// After each step of the optimizer. Throws argument_error when the model has no values.
  void update(const Model& model) { average_into(average_, model, decay_); }

  const Model& model() const { return average_; }
  Model& model() { return average_; }

 private:
  Model average_;
  double decay_ = 0;
};

}  // namespace multifuse
