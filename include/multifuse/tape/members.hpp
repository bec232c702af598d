#pragma once
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "parameter.hpp"

namespace multifuse {

/// Identity of a layer that draws random numbers; `initialize` derives it from the layer's name, so that the same seed
/// gives the same numbers wherever the layer stands in the order of evaluation.
struct random_stream {
  std::uint64_t id = 0;
};

namespace detail {
template <class X>
inline constexpr bool is_member_leaf = is_parameter<X> || is_buffer<X> || std::is_same_v<X, random_stream>;

template <class F> struct member_visitor {
  F& f;
  template <class Name, class M> constexpr void operator()(const Name&, M& member) const {
    visit(member);
  }
  template <class M> constexpr void visit(M& member) const {
    if constexpr (is_member_leaf<M>)
      f(member);
    else if constexpr (requires { member.members(*this); })
      member.members(*this);
    else
      static_assert(std::is_empty_v<M>, "multifuse: a layer with state lists it in `void members(auto&& visit)`");
  }
};

template <class F> struct named_member_visitor {
  F& f;
  std::string prefix;
  template <class Name, class M> void operator()(const Name& name, M& member) const {
    std::string full = prefix;
    if (!full.empty()) full += '.';
    if constexpr (std::is_integral_v<Name>)
      full += std::to_string(name);
    else
      full += std::string_view(name);
    visit(full, member);
  }
  template <class M> void visit(const std::string& name, M& member) const {
    if constexpr (is_member_leaf<M>)
      f(std::string_view(name), member);
    else if constexpr (requires { member.members(*this); })
      member.members(named_member_visitor{f, name});
    else
      static_assert(std::is_empty_v<M>, "multifuse: a layer with state lists it in `void members(auto&& visit)`");
  }
};
}  // namespace detail

/// Calls `f(leaf)` for every parameter, buffer and random stream of a model, in the order of its `members`. A model is
/// any struct with `void members(auto&& visit) { visit("name", member); ... }`.
template <class M, class F> constexpr void for_each_member(M& model, F&& f) {
  detail::member_visitor<std::remove_reference_t<F>>{f}.visit(model);
}

/// Calls `f(name, leaf)` likewise, with the dotted name, e.g. "encoder.3.attention.query.weight".
template <class M, class F> void for_each_named_member(M& model, F&& f) {
  detail::named_member_visitor<std::remove_reference_t<F>>{f, {}}.visit("", model);
}
template <class M, class F> void for_each_named_member(const M& model, F&& f) {
  for_each_named_member(const_cast<M&>(model), [&](std::string_view name, const auto& leaf) { f(name, leaf); });
}

namespace detail {
template <class M> consteval isize count_parameters() {
  M model{};
  isize count = 0;
  for_each_member(model, [&](auto& leaf) {
    if constexpr (is_parameter<std::remove_cvref_t<decltype(leaf)>>) count += leaf.count;
  });
  return count;
}
}  // namespace detail

/// Number of trained weights of a model type, counted by the compiler.
template <class M> inline constexpr isize parameter_count = detail::count_parameters<M>();

/// Gives every parameter and buffer its starting values. Each depends only on the seed and its own name, so adding a
/// layer does not change the others. Example: `initialize(model, 42);`
template <class M> void initialize(M& model, std::uint64_t seed) {
  for_each_named_member(model, [&](std::string_view name, auto& leaf) {
    const random_key key = random_key{seed, 0}.split(name);
    using L = std::remove_cvref_t<decltype(leaf)>;
    if constexpr (std::is_same_v<L, random_stream>) {
      leaf.id = key.stream;
    } else {
      using T = typename L::scalar;
      std::vector<T> values(static_cast<std::size_t>(L::count));
      for (isize i = 0; i < L::count; ++i) values[std::size_t(i)] = T(leaf.start().draw(key, i));
      if (leaf.has_value())
        leaf.assign(values);
      else
        leaf.bind(tensor<typename L::device, typename L::shape_type>({}, std::span<const T>(values)));
    }
  });
}

/// True if `pattern` occurs in `name`; `*` stands for any characters, and matches anywhere are enough.
constexpr bool name_matches(std::string_view name, std::string_view pattern) {
  for (;;) {  // the leftmost place of each piece leaves the most for the others
    const std::size_t star = pattern.find('*');
    const std::string_view piece = pattern.substr(0, star);
    const std::size_t found = name.find(piece);
    if (found == std::string_view::npos) return false;
    if (star == std::string_view::npos) return true;
    name.remove_prefix(found + piece.size());
    pattern.remove_prefix(star + 1);
  }
}

/// Freezes (or thaws) the parameters whose dotted name contains `pattern`; returns how many tensors it concerned.
template <class M> isize set_trainable(M& model, std::string_view pattern, bool trainable) {
  isize matched = 0;
  for_each_named_member(model, [&](std::string_view name, auto& leaf) {
    if constexpr (is_parameter<std::remove_cvref_t<decltype(leaf)>>)
      if (name_matches(name, pattern)) leaf.set_trainable(trainable), ++matched;
  });
  return matched;
}

/// Excludes all parameters of a model, or of a part of one, from training: they keep no gradient.
template <class M> constexpr void freeze(M& model) {
  for_each_member(model, [](auto& leaf) {
    if constexpr (is_parameter<std::remove_cvref_t<decltype(leaf)>>) leaf.set_trainable(false);
  });
}

namespace detail {
template <class L> inline constexpr bool is_linear_weight = false;
template <packs_weights D, isize Out, isize In>
inline constexpr bool is_linear_weight<parameter<D, outputs<Out>, inputs<In>>> = true;

/// `pack_weights` for a model on D. The copies follow one another in memory in the order of the members, which is mostly
/// the order of use: products fetch what comes after their own weights.
template <class D, class M> void pack_weights_on(M& model) {
  const auto visit = [&](const auto& use) {
    isize first = 0;
    for_each_member(model, [&](auto& leaf) {
      using L = std::remove_cvref_t<decltype(leaf)>;
      if constexpr (is_linear_weight<L>) {
        static_assert(std::is_same_v<typename L::device, D>,
                      "multifuse: all parameters of a model live on one device (read: found, expected)");
        const isize size = D::packed_size(leaf.dims()[0], leaf.dims()[1]);
        if (size > 0) use(leaf, first);
        first += (size + 15) / 16 * 16;
      }
    });
    return first;
  };
  const isize all = visit([](auto&, isize) {});
  if (all == 0) return;
  const tensor<D, shape<samples<>>> place{shape<samples<>>(all)};
  visit([&](auto& leaf, isize first) { leaf.pack(place.owner(), place.data() + first); });
}
}  // namespace detail

/// Makes inference faster by a second copy of the weights of linear layers, in the order in which the processor's
/// products read them: about a tenth for few tokens. Costs their memory once more. A copy is out of use when an
/// optimizer's step, `initialize` or loading changes the weights, and with other instructions; who writes to them
/// through a pointer calls `note_change` of the tensor's `owner()`. Call it again for new copies. Does nothing on
/// devices without such an order.
template <class M> void pack_weights(M& model) {
  bool packed = false;
  for_each_member(model, [&](auto& leaf) {
    using L = std::remove_cvref_t<decltype(leaf)>;
    if constexpr (detail::is_linear_weight<L>)
      if (!std::exchange(packed, true)) detail::pack_weights_on<typename L::device>(model);
  });
}

/// Forgets the gradients of all parameters.
template <class M> void clear_gradients(M& model) {
  for_each_member(model, [](auto& leaf) {
    if constexpr (is_parameter<std::remove_cvref_t<decltype(leaf)>>) leaf.clear_gradient();
  });
}

/// Where the parameters of a model lie in contiguous memory.
template <class D> struct flat_parameters {
  struct entry {
    std::string name;
    isize offset;  ///< of the first element, in elements; a multiple of 16
    isize count;
    std::size_t rank;
    bool trainable;
  };
  tensor<D, shape<samples<>>> values;     ///< trained parameters first, then frozen ones
  tensor<D, shape<samples<>>> gradients;  ///< of the trained ones; empty if all are frozen
  std::vector<entry> entries;
};

namespace detail {
template <class L, class D> inline constexpr bool is_parameter_on = false;
template <class D, class... A> inline constexpr bool is_parameter_on<parameter<D, A...>, D> = true;
}  // namespace detail

/// Moves all values of a model into one buffer and all gradients of trained parameters into another (set to zero), so
/// that an optimizer step, a norm or an all-reduce is one pass. Call it again after freezing or thawing. Throws
/// argument_error, and moves nothing, if a parameter has no values.
template <class D, class M> flat_parameters<D> arrange(M& model) {
  using flat = shape<samples<>>;
  flat_parameters<D> result;
  isize total = 0, trained = 0;
  for (const bool trainable : {true, false}) {
    for_each_named_member(model, [&](std::string_view name, auto& leaf) {
      using L = std::remove_cvref_t<decltype(leaf)>;
      if constexpr (is_parameter<L>) {
        static_assert(std::is_same_v<typename L::device, D>,
                      "multifuse: all parameters of a model live on one device (read: found, expected)");
        (void)leaf.value();  // throws before anything is moved
        if (leaf.trainable() != trainable) return;
        result.entries.push_back({std::string(name), total, L::count, L::shape_type::rank, trainable});
        total += (L::count + 15) / 16 * 16;
      }
    });
    if (trainable) trained = total;
  }
  if (total == 0) return result;
  result.values = zeros<D>(flat(total));
  if (trained > 0) result.gradients = zeros<D>(flat(trained));
  std::size_t next = 0;
  for (const bool trainable : {true, false}) {
    for_each_named_member(model, [&](std::string_view, auto& leaf) {
      using L = std::remove_cvref_t<decltype(leaf)>;
      if constexpr (detail::is_parameter_on<L, D>) {
        if (leaf.trainable() != trainable) return;
        const isize offset = result.entries[next++].offset;
        tensor<D, typename L::shape_type> place(result.values.owner(), result.values.data() + offset, {});
        D::copy(place.data(), leaf.value().data(), L::count);
        leaf.bind(place);
        if (trainable)
          leaf.bind_gradient({result.gradients.owner(), result.gradients.data() + offset, true});
      }
    });
  }
  return result;
}

}  // namespace multifuse
