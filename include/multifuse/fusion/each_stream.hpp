#pragma once
#include <memory>
#include <optional>

#include "../layers/masked_tokens.hpp"
#include "bundle.hpp"

namespace multifuse {

/// Whether the streams of a stage have blocks of their own or one common set.
enum class weights { separate, common };

namespace detail {

/// The same value with a gradient of its own, which is added to that of x when all steps that use it have run.
template <class X> auto with_own_gradient(const X& x) {
  if constexpr (is_masked<X>) {
    return masked_tokens{with_own_gradient(x.content), x.kept};
  } else if constexpr (is_pointwise<X>) {
    return with_own_gradient(evaluate(x));
  } else if constexpr (is_variable<X>) {
    if (!x.slot()) return x;
    const X own = watch(x.recorder(), x.value());
    x.recorder().record([from = own.sink(), to = x.sink()] {
      if (const auto gradient = from.take()) to.give(gradient);
    });
    return own;
  } else {
    return x;
  }
}
template <class... S> auto with_own_gradient(const bundle<S...>& b) {
  return transform_streams(typename bundle<S...>::modalities{},
                           [&]<class M>(M*) { return with_own_gradient(get<M>(b)); });
}

template <class X> tape* recorder_within(const X& x) {
  if constexpr (is_masked<X>)
    return recorder_within(x.content);
  else
    return recorder_of(x);
}
template <class... S> tape* recorder_within(const bundle<S...>& b) {
  tape* found = nullptr;
  b.for_each_value([&](const auto& content) { found = found ? found : recorder_within(content); });
  return found;
}

/// Parts of a pass on a tape that may be done at the same time, forward and, in the other direction, backward. Each part
/// has its inputs `with_own_gradient`.
template <class D> class recorded_parts {
  using branches = typename D::branches;

 public:
  recorded_parts(tape& recorder, isize count) : recorder_(recorder), count_(count), forward_(count) {
    recorder_.record([back = back_] { back->reset(); });
  }
  void next() {
    forward_.next();
    if (begun_++ > 0)
      recorder_.record([back = back_] {
        if (*back) (*back)->next();  // not if the forward pass failed before the end
      });
  }
  /// All parts are there.
  void end() {
    recorder_.record([back = back_, count = count_] {
      back->emplace(count);
      (*back)->next();
    });
  }

 private:
  tape& recorder_;
  isize count_, begun_ = 0;
  branches forward_;
  // held by the steps of the tape: a pass that fails in between ends it when the tape is cleared
  std::shared_ptr<std::optional<branches>> back_ = std::make_shared<std::optional<branches>>();
};

/// The bundle of `f(modality tag pointer, x...)` for each stream of a stage that computes them without one another: at
/// the same time on a device that has `branches`. Common weights on a tape have one gradient, and perhaps running
/// statistics: then streams follow one another.
template <weights Sharing, class Modalities, class F, class... X>
constexpr auto each_stream(Modalities list, const F& f, const X&... x) {
  using D = device_of_t<X...>;
  constexpr bool recorded = (on_tape<X> || ...);
  if constexpr (!requires { typename D::branches; } || (recorded && Sharing == weights::common)) {
    return transform_streams(list, [&]<class M>(M* modality) { return f(modality, x...); });
  } else if constexpr (!recorded) {
    typename D::branches parts(Modalities::size);
    return transform_streams(list, [&]<class M>(M* modality) {
      parts.next();
      return f(modality, x...);
    });
  } else {
    if (!D::branches::at_once()) return transform_streams(list, [&]<class M>(M* modality) { return f(modality, x...); });
    const auto own = transform_streams(list, [&]<class M>(M*) { return make_pack(with_own_gradient(x)...); });
    tape* recorder = nullptr;
    ((recorder = recorder ? recorder : recorder_within(x)), ...);
    recorded_parts<D> parts(*recorder, Modalities::size);
    const auto results = transform_streams(list, [&]<class M>(M* modality) {
      parts.next();
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return f(modality, get<I>(get<M>(own))...);
      }(std::index_sequence_for<X...>{});
    });
    parts.end();
    return results;
  }
}

}  // namespace detail

}  // namespace multifuse
