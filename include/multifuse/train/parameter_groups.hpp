#pragma once
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "multifuse/tape/members.hpp"

namespace multifuse {

/// What is special about the parameters whose dotted name matches a pattern (see `name_matches`). Of all rules that
/// match a parameter, the last one that sets a field decides about it.
///   {.pattern = "backbone.", .frozen = true}                   not trained
///   {.pattern = "head.", .learning_rate = 10}                  ten times the rate
///   {.pattern = "*", .largest_rank = 1, .weight_decay = 0}     no decay of biases, norms and other vectors
struct parameter_rule {
  std::string pattern;
  std::size_t largest_rank = std::numeric_limits<std::size_t>::max();  ///< parameters of more axes do not match
  std::optional<double> learning_rate = {};                            ///< factor on the optimizer's rate
  std::optional<double> weight_decay = {};                             ///< factor on the optimizer's decay
  std::optional<bool> frozen = {};                                     ///< freezes, or thaws
};

/// The factors of one parameter.
struct parameter_factors {
  double learning_rate = 1, weight_decay = 1;
  friend bool operator==(const parameter_factors&, const parameter_factors&) = default;
};

namespace detail {

inline bool rule_matches(const parameter_rule& rule, std::string_view name, std::size_t rank) {
  return rank <= rule.largest_rank && name_matches(name, rule.pattern);
}

/// Throws argument_error for a factor that is negative or not finite, or a rule that matches nothing.
template <class M> void check_rules(M& model, const std::vector<parameter_rule>& rules) {
  for (const auto& rule : rules) {
    for (const auto& factor : {rule.learning_rate, rule.weight_decay})
      if (factor && !(*factor >= 0 && std::isfinite(*factor)))
        throw argument_error("parameter_rule '" + rule.pattern + "'", "unusable factor", "0 or more",
                             std::to_string(*factor));
    bool matched = false;
    for_each_named_member(model, [&](std::string_view name, auto& leaf) {
      using L = std::remove_cvref_t<decltype(leaf)>;
      if constexpr (is_parameter<L>) matched = matched || rule_matches(rule, name, L::shape_type::rank);
    });
    if (!matched)
      throw argument_error("parameter_rule '" + rule.pattern + "'", "matches no parameter of the model",
                           "a part of a dotted name, * for anything", "");
  }
}

/// Freezes and thaws as the rules say; parameters of which they say nothing stay as they are.
template <class M> void apply_freezing(M& model, const std::vector<parameter_rule>& rules) {
  for_each_named_member(model, [&](std::string_view name, auto& leaf) {
    using L = std::remove_cvref_t<decltype(leaf)>;
    if constexpr (is_parameter<L>)
      for (const auto& rule : rules)
        if (rule.frozen && rule_matches(rule, name, L::shape_type::rank)) leaf.set_trainable(!*rule.frozen);
  });
}

inline parameter_factors factors_of(const std::vector<parameter_rule>& rules, std::string_view name, std::size_t rank) {
  parameter_factors factors;
  for (const auto& rule : rules) {
    if (!rule_matches(rule, name, rank)) continue;
    factors.learning_rate = rule.learning_rate.value_or(factors.learning_rate);
    factors.weight_decay = rule.weight_decay.value_or(factors.weight_decay);
  }
  return factors;
}

}  // namespace detail

/// The factors of every trained element of a model's flat parameters, on the device: one group number for each block of
/// 16 elements (parameters begin at multiples of 16), and the two factors of each group.
template <class D> struct parameter_groups {
  static constexpr isize block = 16;
  tensor<rebind<D, std::int32_t>, shape<samples<>>> group_of_block;
  tensor<compute_device<D>, shape<samples<>>> factors;  ///< [group, 2]: learning rate, weight decay
  isize groups = 0;

  parameter_groups() = default;
  parameter_groups(const flat_parameters<D>& flat, const std::vector<parameter_rule>& rules) {
    using T = compute_type<typename D::scalar>;
    std::vector<parameter_factors> known;
    std::vector<std::int32_t> numbers(static_cast<std::size_t>(flat.gradients.size() / block));
    for (const auto& entry : flat.entries) {
      if (!entry.trainable) continue;
      const auto own = detail::factors_of(rules, entry.name, entry.rank);
      std::size_t group = 0;
      while (group < known.size() && !(known[group] == own)) ++group;
      if (group == known.size()) known.push_back(own);
      for (isize at = entry.offset; at < entry.offset + entry.count; at += block)
        numbers[static_cast<std::size_t>(at / block)] = static_cast<std::int32_t>(group);
    }
    std::vector<T> pairs;
    for (const auto& one : known) pairs.insert(pairs.end(), {T(one.learning_rate), T(one.weight_decay)});
    groups = static_cast<isize>(known.size());
    group_of_block = {shape<samples<>>(numbers.size()), std::span<const std::int32_t>(numbers)};
    factors = {shape<samples<>>(pairs.size()), std::span<const T>(pairs)};
  }
};

}  // namespace multifuse
