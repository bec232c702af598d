#pragma once
#include <type_traits>

#include "../core/bf16.hpp"
#include "../core/short_vector.hpp"
#include "expression.hpp"

/// Expressions as trees of plain structs that a kernel can carry to a device: `at(row, column, place)` reads element
/// `place` = row * columns + column of the result, as what its type is computed with. `fetch(row, column, place)` reads what
/// a vector of the result is computed from, and is again such a tree, in which the place counts from the vector's begin.
namespace multifuse::detail {

template <class T> struct load_fetched {
  widest<T> elements;
  MULTIFUSE_HD compute_type<T> at(isize, isize, isize lane) const { return elements.at[lane]; }
};

template <class T> struct load_element {
  const T* elements;
  MULTIFUSE_HD compute_type<T> at(isize, isize, isize place) const { return elements[place]; }
  MULTIFUSE_HD load_fetched<T> fetch(isize, isize, isize place) const { return {read_vector(elements + place)}; }
  bool holds_vectors() const { return detail::holds_vectors(elements); }
};

template <class C> struct load_number {
  C value;
  MULTIFUSE_HD C at(isize, isize, isize) const { return value; }
  MULTIFUSE_HD load_number fetch(isize, isize, isize) const { return *this; }
  bool holds_vectors() const { return true; }
};

/// An operand without some of the result's axes. `LastAxis`: it has the last one.
template <class T, std::size_t Leading, bool LastAxis> struct load_broadcast {
  const T* elements;
  isize extents[Leading ? Leading : 1];
  isize strides[Leading ? Leading : 1];  // 0 along missing axes

  MULTIFUSE_HD compute_type<T> at(isize row, isize column, isize) const { return *first(row, column); }
  MULTIFUSE_HD auto fetch(isize row, isize column, isize) const {
    if constexpr (LastAxis)
      return load_fetched<T>{read_vector(first(row, column))};
    else
      return load_number<compute_type<T>>{*first(row, column)};
  }
  bool holds_vectors() const { return !LastAxis || detail::holds_vectors(elements); }

 private:
  MULTIFUSE_HD const T* first(isize row, isize column) const {
    isize offset = 0;
    for (isize i = isize(Leading) - 1; i >= 0; --i) {
      offset += row % extents[i] * strides[i];
      row /= extents[i];
    }
    return elements + (LastAxis ? offset + column : offset);
  }
};

template <class F, class... K> struct load_pointwise {
  F function;
  pack<K...> operands;

  MULTIFUSE_HD auto at(isize row, isize column, isize place) const {
    return apply(row, column, place, std::index_sequence_for<K...>{});
  }
  template <std::size_t... I>
  MULTIFUSE_HD auto apply(isize row, isize column, isize place, std::index_sequence<I...>) const {
    return function.value(get<I>(operands).at(row, column, place)...);
  }

  MULTIFUSE_HD auto fetch(isize row, isize column, isize place) const {
    return fetch_each(row, column, place, std::index_sequence_for<K...>{});
  }
  bool holds_vectors() const {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (get<I>(operands).holds_vectors() && ...);
    }(std::index_sequence_for<K...>{});
  }

 private:
  template <std::size_t... I>
  MULTIFUSE_HD auto fetch_each(isize row, isize column, isize place, std::index_sequence<I...>) const {
    using fetched = load_pointwise<F, decltype(get<I>(operands).fetch(row, column, place))...>;
    return fetched{function, {{{get<I>(operands).fetch(row, column, place)}...}}};
  }
};

/// True if an operand of shape S has every element of the result R at the same place.
template <class S, class R> inline constexpr bool same_places = false;
template <class... A, class... B>
  requires(sizeof...(A) == sizeof...(B))
inline constexpr bool same_places<shape<A...>, shape<B...>> =
    ((std::is_same_v<typename A::tag, typename B::tag> && (A::extent != 1 || B::extent == 1)) && ...);

/// True if an operand of shape S varies along the last axis of the result R.
template <class S, class R> constexpr bool has_last_axis() {
  if constexpr (S::rank == 0 || R::rank == 0)
    return false;
  else
    return std::is_same_v<last_tag<S>, last_tag<R>> && S::static_extents.back() != 1;
}

template <class T, class R, class S> auto make_broadcast(const R& result, const T* elements, const S& operand) {
  constexpr std::size_t leading = R::rank ? R::rank - 1 : 0;
  load_broadcast<T, leading, has_last_axis<S, R>()> load{elements, {}, {}};
  for (std::size_t i = 0; i != leading; ++i) load.extents[i] = result[i];
  [&]<class... A>(const shape<A...>&) {
    std::size_t i = 0;
    [[maybe_unused]] auto see = [&](std::size_t place, isize fixed) {
      ++i;
      if (place != leading && fixed != 1) load.strides[place] = operand.product(i, S::rank);
    };
    (see(R::template position<typename A::tag>(), A::extent), ...);
  }(operand);
  return load;
}

/// The kernel form of an expression's operand whose result has shape R and scalar T.
template <class T, class R, class X> auto make_load(const R& result, const X& x) {
  if constexpr (std::is_same_v<X, number>) {
    return load_number<compute_type<T>>{compute_type<T>(x.value)};
  } else if constexpr (is_pointwise<X>) {
    return [&]<class F, class... A>(const pointwise<F, A...>& e) {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        auto operands = make_pack(make_load<T>(result, get<I>(e.operands))...);
        return [&]<class... K>(const pack<K...>& loads) {
          return load_pointwise<F, K...>{e.function, loads};
        }(operands);
      }(std::index_sequence_for<A...>{});
    }(x);
  } else {
    const auto& leaf = plain_tensor(x);
    require_elements(leaf);
    if constexpr (same_places<std::remove_cvref_t<decltype(leaf.dims())>, R>)
      return load_element<T>{leaf.data()};
    else
      return make_broadcast(result, static_cast<const T*>(leaf.data()), leaf.dims());
  }
}

/// One result element of an expression.
template <class T, class K> struct assign_kernel {
  T* result;
  isize columns;
  K expression;
  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const isize place = row * columns + column;
    result[place] = expression.at(row, column, place);
  }

  static constexpr int at_once = widest_vector<T>;
  bool holds_vectors() const { return detail::holds_vectors(result) && expression.holds_vectors(); }
  MULTIFUSE_HD void compute_vector(isize row, isize first) const {
    const isize place = row * columns + first;
    const auto here = expression.fetch(row, first, place);
    widest<T> y;
    MULTIFUSE_UNROLL
    for (int lane = 0; lane < at_once; ++lane) y.at[lane] = here.at(row, lane, lane);
    write_vector(result + place, y);
  }
};

// ---- the backward pass of an expression ----

/// An operand that wants no gradient.
struct no_target {
  static constexpr bool wanted = false;
  MULTIFUSE_HD no_target collect() const { return {}; }
  MULTIFUSE_HD void give(const no_target&, isize) const {}
  bool holds_vectors() const { return true; }
};

/// What a vector of the result gives to the gradient of one operand.
template <class T> struct collecting_target {
  static constexpr bool wanted = true;
  mutable compute_type<T> each[std::size_t(widest_vector<T>)];  // targets are passed on as constants
};

/// Where the gradient of one operand goes, element by element of the result.
template <class T> struct element_target {
  static constexpr bool wanted = true;
  T* gradient;      // null: not wanted after all
  bool accumulate;  // add to what is there

  MULTIFUSE_HD collecting_target<T> collect() const { return {}; }
  MULTIFUSE_HD void give(const collecting_target<T>& collected, isize place) const {
    if (!gradient) return;
    widest<T> sum{};
    if (accumulate) sum = read_vector(gradient + place);
    MULTIFUSE_UNROLL
    for (int lane = 0; lane < widest_vector<T>; ++lane)
      sum.at[lane] = accumulate ? sum.at[lane] + collected.each[lane] : collected.each[lane];
    write_vector(gradient + place, sum);
  }
  bool holds_vectors() const { return detail::holds_vectors(gradient); }
};

template <class... G> struct pointwise_target {
  static constexpr bool wanted = (G::wanted || ...);
  pack<G...> operands;

  /// A tree of the same form for what a vector of the result gives, and what is in such a tree, given in the order of the
  /// operands: two may be one variable.
  MULTIFUSE_HD auto collect() const { return collect_each(std::index_sequence_for<G...>{}); }
  template <class Collected> MULTIFUSE_HD void give(const Collected& collected, isize place) const {
    give_each(collected, place, std::index_sequence_for<G...>{});
  }
  bool holds_vectors() const {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (get<I>(operands).holds_vectors() && ...);
    }(std::index_sequence_for<G...>{});
  }

 private:
  template <std::size_t... I> MULTIFUSE_HD auto collect_each(std::index_sequence<I...>) const {
    return pointwise_target<decltype(get<I>(operands).collect())...>{{{{get<I>(operands).collect()}...}}};
  }
  template <class Collected, std::size_t... I>
  MULTIFUSE_HD void give_each(const Collected& collected, isize place, std::index_sequence<I...>) const {
    (get<I>(operands).give(get<I>(collected.operands), place), ...);
  }
};

template <class C, class K, class T>
MULTIFUSE_HD void push(const K&, const element_target<T>& target, isize, isize, isize place, C d) {
  if (target.gradient) target.gradient[place] = target.accumulate ? target.gradient[place] + d : d;
}

template <class C, class K, class T>
MULTIFUSE_HD void push(const K&, const collecting_target<T>& target, isize, isize, isize lane, C d) {
  target.each[lane] = d;
}

template <class C, class F, class... K, class... G>
MULTIFUSE_HD void push(const load_pointwise<F, K...>& e, const pointwise_target<G...>& target, isize row, isize column,
                       isize place, C d);

template <std::size_t I, class C, class K, class G>
MULTIFUSE_HD void push_operand(const K& e, const G& target, isize row, isize column, isize place, C d) {
  if constexpr (std::remove_cvref_t<decltype(get<I>(target.operands))>::wanted)
    push<C>(get<I>(e.operands), get<I>(target.operands), row, column, place, d);
}

template <class C, class F, class... K, class... G, std::size_t... I>
MULTIFUSE_HD void push_all(const load_pointwise<F, K...>& e, const pointwise_target<G...>& target, isize row,
                           isize column, isize place, C d, std::index_sequence<I...>) {
  const auto s = e.function.slopes(get<I>(e.operands).at(row, column, place)...);
  (push_operand<I, C>(e, target, row, column, place, d * s.slope[I]), ...);
}

template <class C, class F, class... K, class... G>
MULTIFUSE_HD void push(const load_pointwise<F, K...>& e, const pointwise_target<G...>& target, isize row, isize column,
                       isize place, C d) {
  push_all<C>(e, target, row, column, place, d, std::index_sequence_for<K...>{});
}

template <class T, class K, class G> struct push_kernel {
  const T* result_gradient;
  isize columns;
  K expression;
  G targets;
  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const isize place = row * columns + column;
    push<compute_type<T>>(expression, targets, row, column, place, result_gradient[place]);
  }

  static constexpr int at_once = widest_vector<T>;
  bool holds_vectors() const {
    return detail::holds_vectors(result_gradient) && expression.holds_vectors() && targets.holds_vectors();
  }
  MULTIFUSE_HD void compute_vector(isize row, isize first) const {
    const isize place = row * columns + first;
    const widest<T> d = read_vector(result_gradient + place);
    const auto here = expression.fetch(row, first, place);
    const auto collected = targets.collect();
    MULTIFUSE_UNROLL
    for (int lane = 0; lane < at_once; ++lane) push<compute_type<T>>(here, collected, row, lane, lane, d.at[lane]);
    targets.give(collected, place);
  }
};

}  // namespace multifuse::detail
