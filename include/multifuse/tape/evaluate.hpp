#pragma once
#include "../tensor/expression_kernel.hpp"
#include "parameter.hpp"

namespace multifuse {

/// True if a value or any leaf of an expression is a variable: then what is computed from it is recorded.
template <class X> inline constexpr bool on_tape = is_variable<X>;
template <class F, class... A> inline constexpr bool on_tape<pointwise<F, A...>> = (on_tape<A> || ...);

namespace detail {

/// One tape out of two that may be null. Throws argument_error if they differ: each would undo the steps of the other.
inline tape* same_recorder(tape* one, tape* other) {
  if (one && other && one != other)
    throw argument_error("tape", "operands are on different tapes", "variables of one tape", "two");
  return one ? one : other;
}

/// The tape of the variables among leaves, null without one.
template <class X> tape* recorder_of(const X& x) {
  if constexpr (is_variable<X>) {
    return &x.recorder();
  } else if constexpr (is_pointwise<X> && on_tape<X>) {
    return [&]<class F, class... A>(const pointwise<F, A...>& e) {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        tape* found = nullptr;
        ((found = same_recorder(found, recorder_of(get<I>(e.operands)))), ...);
        return found;
      }(std::index_sequence_for<A...>{});
    }(x);
  } else {
    return nullptr;
  }
}

/// Where meta leaves count, null without one.
template <class X> constexpr operation_count* count_of(const X& x) {
  if constexpr (requires { x.count(); }) {
    return x.count();
  } else if constexpr (is_pointwise<X>) {
    return [&]<class F, class... A>(const pointwise<F, A...>& e) {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        operation_count* found = nullptr;
        ((found = found ? found : count_of(get<I>(e.operands))), ...);
        return found;
      }(std::index_sequence_for<A...>{});
    }(x);
  } else {
    return nullptr;
  }
}

/// Where the gradient of a leaf goes; nowhere for plain tensors.
template <class D, class S> gradient_sink<D, S> sink_of(const tensor<D, S>&) { return {}; }
template <class D, class S> gradient_sink<D, S> sink_of(const variable<D, S>& x) { return x.sink(); }
template <class D, class... A> auto sink_of(const parameter<D, A...>& x) { return x.sink(); }
template <class D, class... A> gradient_sink<D, shape<A...>> sink_of(const buffer<D, A...>&) { return {}; }
template <class P> auto sink_of(const reference_to<P>& x) { return sink_of(*x.object); }

template <class X> bool wants_gradient(const X& x) {
  if constexpr (is_pointwise<X>) {
    return [&]<class F, class... A>(const pointwise<F, A...>& e) {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return (wants_gradient(get<I>(e.operands)) || ...);
      }(std::index_sequence_for<A...>{});
    }(x);
  } else if constexpr (std::is_same_v<X, number>) {
    return false;
  } else {
    return bool(sink_of(x));
  }
}

/// to = the sum of `from`, of shape R, over the axes that S lacks (or has with extent 1), added to what is in `to`.
template <class D, class R, class S> void sum_to(const tensor<D, R>& from, const gradient_sink<D, S>& to) {
  std::array<isize, R::rank + 1> extents{};
  std::array<bool, R::rank + 1> kept{};
  for (std::size_t i = 0; i < R::rank; ++i) extents[i] = from.dims()[i];
  [&]<class... A>(const shape<A...>&) {
    ((kept[R::template position<typename A::tag>()] = A::extent != 1), ...);
  }(to.dims());
  for (std::size_t i = 0; i < R::rank; ++i) kept[i] = kept[i] || extents[i] == 1;
  std::size_t runs = 0;  // of neighboring axes to be summed: one pass each
  for (std::size_t i = 0; i < R::rank; ++i) runs += !kept[i] && (i == 0 || kept[i - 1]);
  const auto product = [&](std::size_t first, std::size_t last) {
    isize n = 1;
    for (std::size_t i = first; i < last; ++i) n *= extents[i];
    return n;
  };
  using samples_tensor = tensor<D, shape<samples<>>>;
  samples_tensor current = from.reshaped(shape<samples<>>(from.size()));
  for (std::size_t first = 0; first < R::rank && runs > 0; ++first) {
    if (kept[first]) continue;
    std::size_t last = first;
    while (last < R::rank && !kept[last]) ++last;
    const isize outer = product(0, first), reduced = product(first, last), inner = product(last, R::rank);
    if (--runs == 0) {
      const auto target = to.open();
      D::sum(outer, reduced, inner, current.data(), target.beta, target.data);
      return;
    }
    samples_tensor next(shape<samples<>>(outer * inner));
    D::sum(outer, reduced, inner, current.data(), typename D::scalar(0), next.data());
    current = next;
    for (std::size_t i = first; i < last; ++i) extents[i] = 1, kept[i] = true;
  }
  const auto target = to.open();  // nothing to sum: the same elements
  D::sum(1, 1, current.size(), current.data(), target.beta, target.data);
}

/// The contribution to a broadcast operand, at full size until it is summed.
template <class D, class R, class S> struct pending_sum {
  tensor<D, R> full;
  gradient_sink<D, S> to;
  void finish() const {
    if (to) sum_to(full, to);
  }
};
struct nothing_pending {
  void finish() const {}
};

/// Targets of the backward kernel for an expression, and what is left to sum after it, as a pair.
template <class Target, class Pending> struct target_and_rest {
  Target target;
  Pending rest;
};
template <class... P> struct all_pending {
  pack<P...> each;
  void finish() const {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (get<I>(each).finish(), ...); }(std::index_sequence_for<P...>{});
  }
};

template <class D, class R, class X> auto make_target(const R& result, const X& x) {
  using T = typename D::scalar;
  if constexpr (is_pointwise<X>) {
    return [&]<class F, class... A>(const pointwise<F, A...>& e) {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        // braces evaluate in order: of two uses of one variable the first writes its gradient and the second adds
        const pack<decltype(make_target<D>(result, get<I>(e.operands)))...> all{
            {pack_element<I, decltype(make_target<D>(result, get<I>(e.operands)))>{
                make_target<D>(result, get<I>(e.operands))}...}};
        return [&]<class... G, class... P>(const pack<target_and_rest<G, P>...>& pairs) {
          return target_and_rest<pointwise_target<G...>, all_pending<P...>>{{make_pack(get<I>(pairs).target...)},
                                                                           {make_pack(get<I>(pairs).rest...)}};
        }(all);
      }(std::index_sequence_for<A...>{});
    }(x);
  } else if constexpr (is_variable<X> || requires { x.object->trainable(); }) {
    const auto sink = sink_of(x);
    using S = std::remove_cvref_t<decltype(sink.dims())>;
    if constexpr (same_places<S, R>) {
      if (!sink) return target_and_rest<element_target<T>, nothing_pending>{{nullptr, false}, {}};
      const auto to = sink.open();
      return target_and_rest<element_target<T>, nothing_pending>{{to.data, to.beta != T(0)}, {}};
    } else {
      pending_sum<D, R, S> rest{{}, sink};
      if (sink) rest.full = tensor<D, R>(result);
      return target_and_rest<element_target<T>, pending_sum<D, R, S>>{{rest.full.data(), false}, rest};
    }
  } else {
    return target_and_rest<no_target, nothing_pending>{};
  }
}

/// A shape, value or gradient sink with extents of run time in its type, so that what is compiled for it serves all
/// extents. (Parameters in expressions keep theirs: a model has one of each.)
template <class... A> constexpr auto at_run_time(const shape<A...>& x) {
  return runtime_shape<shape<A...>>::unchecked(x.extents());
}
template <class D, class S> auto at_run_time(const gradient_sink<D, S>& x) { return x.reshaped(at_run_time(x.dims())); }
constexpr number at_run_time(const number& x) { return x; }
template <class P> constexpr reference_to<P> at_run_time(const reference_to<P>& x) { return x; }
template <class D, class S> auto at_run_time(const tensor<D, S>& x) { return x.reshaped(at_run_time(x.dims())); }
template <class D, class S> variable<D, runtime_shape<S>> at_run_time(const variable<D, S>& x) {
  return {x.recorder(), at_run_time(x.value()), x.slot()};
}
template <class F, class... A> auto at_run_time(const pointwise<F, A...>& x) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return pointwise<F, decltype(at_run_time(get<I>(x.operands)))...>{x.function,
                                                                      make_pack(at_run_time(get<I>(x.operands))...)};
  }(std::index_sequence_for<A...>{});
}

/// The same value with the extents in its type again.
template <class D, class R, class S> tensor<D, S> with_shape(const S& shape, const tensor<D, R>& x) {
  return x.reshaped(shape);
}
template <class D, class R, class S> variable<D, S> with_shape(const S& shape, const variable<D, R>& x) {
  return {x.recorder(), x.value().reshaped(shape), x.slot()};
}

/// f(x), where f keeps the shape of a tensor or variable: compiled once for all extents. (Meta keeps them: they count.)
template <class F, class X> constexpr auto computed_at_run_time(const F& f, const X& x) {
  if constexpr (std::is_same_v<device_of_t<X>, meta>)
    return f(x);
  else
    return with_shape(x.dims(), f(at_run_time(x)));
}

/// Fills y with the elements of an expression.
template <class D, class R, class X> void compute_expression(const tensor<D, R>& y, const X& x) {
  using T = typename D::scalar;
  const R& result = y.dims();
  const auto load = make_load<T>(result, x);
  D::for_each(result.leading(), result.last(),
              assign_kernel<T, std::remove_const_t<decltype(load)>>{y.data(), result.last(), load});
}

/// Puts the backward pass of an expression of shape R on its tape.
template <class D, class R, class X>
void record_expression(tape& recorder, const gradient_sink<D, R>& sink, const X& x) {
  using T = typename D::scalar;
  recorder.record([x, sink] {
    const auto dy = sink.take();
    if (!dy) return;
    const R& shape = dy.dims();
    const auto again = make_load<T>(shape, x);
    const auto to = make_target<D>(shape, x);
    using target = std::remove_cvref_t<decltype(to.target)>;
    D::for_each(
        shape.leading(), shape.last(),
        push_kernel<T, std::remove_const_t<decltype(again)>, target>{dy.data(), shape.last(), again, to.target});
    to.rest.finish();
  });
}

template <value X> constexpr decltype(auto) evaluate_operand(const X& x) {
  if constexpr (!is_pointwise<X>) {
    return (x);
  } else {
    using D = device_of_t<X>;
    using R = shape_of_t<X>;
    const R result = dims_of(x);
    if constexpr (std::is_same_v<D, meta>) {
      operation_count* const count = count_of(x);
      if (count) {
        const double flops = flops_of<X> * double(result.size());
        *count = *count + operation_count{flops, 2 * flops, 4.0 * double(result.size())};
      }
      return tensor<meta, R>(result, count);
    } else {
      tensor<D, R> y(result);
      const auto elements = at_run_time(y);
      const auto expression = at_run_time(x);
      compute_expression(elements, expression);
      if constexpr (on_tape<X>) {
        tape& recorder = *recorder_of(x);
        if (!wants_gradient(x)) return record(recorder, y);
        variable<D, R> out = watch(recorder, y);
        record_expression(recorder, out.sink().reshaped(elements.dims()), expression);
        return out;
      } else {
        return y;
      }
    }
  }
}

}  // namespace detail

/// The elements of a value: an expression becomes a tensor, or a variable if a variable is in it, in one pass over its
/// operands; one step on the tape holds the whole expression. Tensors and variables are returned as they are.
template <value X>
  requires(!is_parameter<X> && !is_buffer<X>)
constexpr auto evaluate(const X& x) {
  return detail::evaluate_operand(x);
}

}  // namespace multifuse
