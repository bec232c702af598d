#pragma once
#include <array>

#include "masked_tokens.hpp"

namespace multifuse {

namespace detail {

/// Calls f with every value of what a layer takes or gives: a value, tokens with a mask, or a struct with `size` and
/// `for_each_value`, such as a bundle.
template <class X, class F> void for_each_value_in(const X& x, const F& f) {
  if constexpr (stream_content<X>)
    f(content_of(x));
  else
    x.for_each_value([&](const auto& one) { for_each_value_in(one, f); });
}
template <class X> constexpr std::size_t count_of_values() {
  if constexpr (stream_content<X>)
    return 1;
  else
    return X::size;
}

/// The tape of the variables in an operand, null without one.
template <class X> tape* recorder_in(const X& x) {
  tape* found = nullptr;
  for_each_value_in(x, [&](const auto& one) { found = same_recorder(found, recorder_of(one)); });
  return found;
}

/// An operand as it is kept: an expression is computed once.
template <class X> auto operand_to_keep(const X& x) {
  if constexpr (value<X>)
    return evaluate(x);
  else
    return x;
}

/// Where the gradients of the results of a layer arrive; null for those that have none.
template <class Y> struct result_slots {
  using slot_type = gradient_slot<device_of_t<Y>>;
  std::array<slot_type*, count_of_values<Y>()> slots{};

  explicit result_slots(const Y& y) {
    auto next = slots.begin();
    for_each_value_in(y, [&](const auto& one) {
      if constexpr (is_variable<std::remove_cvref_t<decltype(one)>>) *next = one.slot();
      ++next;
    });
  }
  template <class Wanted> bool any(Wanted wanted) const {
    for (const slot_type* slot : slots)
      if (slot && wanted(*slot)) return true;
    return false;
  }
  /// Moves the gradients to the same results of another run.
  void move_to(const result_slots& other) const {
    for (std::size_t i = 0; i < slots.size(); ++i)
      if (slots[i] && slots[i]->filled) *other.slots[i] = std::exchange(*slots[i], {});
  }
};

template <class F, class... X> auto run_and_record_repetition(const F& f, const X&... x) {
  tape* recorder = nullptr;
  ((recorder = same_recorder(recorder, recorder_in(x))), ...);
  const std::size_t place = recorder->place();
  const auto y = recorder->without_steps([&] { return f(x...); });
  using results = result_slots<std::remove_const_t<decltype(y)>>;
  const results first(y);
  if (first.any([](const auto&) { return true; }))
    recorder->record([recorder, place, f, first, kept = make_pack(x...)] {
      if (!first.any([](const auto& slot) { return slot.filled; })) return;
      const auto again = recorder->repeat(place, [&] {
        return [&]<std::size_t... I>(std::index_sequence<I...>) {
          return f(get<I>(kept)...);
        }(std::index_sequence_for<X...>{});
      });
      first.move_to(results(again));
    });
  return y;
}

struct member_name_sink {
  void operator()(const auto&, auto&) const {}
};
/// Has parameters or state of its own, which copies would not share.
template <class F>
concept layer_with_members = requires(F& layer) { layer.members(member_name_sink{}); };

}  // namespace detail

/// f(x...), which keeps nothing for its backward pass but x: that pass runs f a second time (Chen et al. 2016). Memory
/// for the time of one more forward pass. Outputs and gradients are the same bits as those of f: random numbers are
/// drawn again as they were, running statistics move once. Operands and results are values, tokens with a mask or
/// bundles; with tensors or shapes it is f. f is a layer, or a function that is copied; both, and what they refer to,
/// must live until the backward pass.
/// Example: `auto y = recomputed([&](const auto& tokens) { return upper(lower(tokens)); }, x);`
template <class F, class... X> constexpr auto recomputed(const F& f, const X&... x) {
  if constexpr (!(on_tape<X> || ...))
    return f(x...);
  else if constexpr (detail::layer_with_members<F>)
    return detail::run_and_record_repetition([layer = &f](const auto&... y) { return (*layer)(y...); },
                                             detail::operand_to_keep(x)...);
  else
    return detail::run_and_record_repetition(f, detail::operand_to_keep(x)...);
}

/// A layer whose calls are `recomputed`: it has the members, names and traits of the layer, and can stand wherever that
/// can.
/// (Its other functions, such as the branches of a block, are the layer's own.)
/// Example: `stage<8, bottleneck_fusion<recompute<transformer_block<dev, 768, 12>>, 4>>`
template <class Layer> struct recompute : Layer {
  template <class... X> constexpr auto operator()(const X&... x) const {
    return recomputed(static_cast<const Layer&>(*this), x...);
  }
};

}  // namespace multifuse
