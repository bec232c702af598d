#pragma once
#include "../ops/expand.hpp"
#include "../ops/pointwise.hpp"
#include "../ops/reduce.hpp"
#include "../ops/softmax.hpp"
#include "../tape/members.hpp"
#include "cross_entropy.hpp"

namespace multifuse {

struct distillation_temperatures {
  double student = 0.1, teacher = 0.07;
};

struct views_axis { static constexpr std::string_view name = "views"; };

/// Distillation without labels (DINO, Caron et al. 2021): the student's softmax imitates that of a teacher, whose
/// outputs are centered by their running mean, so that no output can win for all items, and sharpened by a low
/// temperature.
template <class D, isize Outputs> struct centered_distillation {
  buffer<D, width<Outputs>> center{init::zeros()};
  double momentum = 0.9;  ///< share of the center that an update keeps

  constexpr void members(auto&& visit) { visit("center", center); }

  /// The cross-entropy of the student's rows with the teacher's, averaged: student [views * batch, Outputs], view after
  /// view, teacher [batch, Outputs]. No gradient goes to the teacher. Throws shape_error unless each view has as many
  /// rows as the teacher, argument_error for a temperature that is not positive.
  template <value X, value Q>
  auto operator()(const X& student, const Q& teacher, distillation_temperatures t = {}) const {
    for (const double one : {t.student, t.teacher})
      if (!(one > 0 && one < 1e300))
        throw argument_error("centered_distillation", "unusable temperature", "a positive number", std::to_string(one));
    const isize items = detail::dims_of(teacher)[0], rows_of_student = detail::dims_of(student)[0];
    const isize views = rows_of_student / items;
    const auto targets = softmax((no_grad(evaluate(teacher)) - center) * (1 / t.teacher));
    const auto by_view = split<batch_axis, axis<views_axis>, batch<>>(student * (1 / t.student), views, items);
    return cross_entropy(by_view, expand<views_axis>(targets, views));
  }

  /// Moves the center towards the mean of the teacher's outputs [batch, Outputs]; after the loss of each step.
  template <value Q> void update(const Q& teacher) const {
    const auto next = evaluate(center * momentum + mean<batch_axis>(no_grad(evaluate(teacher))) * (1 - momentum));
    D::copy(center.value().data(), next.data(), Outputs);
  }
};

}  // namespace multifuse
