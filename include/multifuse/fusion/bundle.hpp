#pragma once
#include <concepts>

#include "../tape/apply.hpp"

namespace multifuse {

/// The value of one modality inside a bundle.
template <class Modality, class X> struct stream {
  using modality = Modality;
  X content;
};

/// A list of modalities, in the order in which joint operations see them.
template <class... Modality> struct streams {
  static constexpr std::size_t size = sizeof...(Modality);
};

/// Named streams: what fusion stages take and give. The value of a modality is `get<video>(b)`.
template <class... S> struct bundle : S... {
  static constexpr std::size_t size = sizeof...(S);
  using modalities = streams<typename S::modality...>;

  /// Calls `f(value)` for each stream in order.
  template <class F> constexpr void for_each_value(F&& f) const { (f(static_cast<const S&>(*this).content), ...); }
};
template <class... S> bundle(S...) -> bundle<S...>;
template <class... S> inline constexpr bool on_tape<bundle<S...>> = (on_tape<decltype(S::content)> || ...);
template <class... S>
struct device_of<bundle<S...>> : common_device<typename device_of<decltype(S::content)>::type...> {};

/// The message of a missing stream. Read it as: this modality, the ones that are there.
template <class Modality, class Streams> struct stream_of {
  static constexpr bool value = false;
};
template <class Modality, class... M> struct stream_of<Modality, streams<M...>> {
  static constexpr bool value = (std::is_same_v<M, Modality> || ...);
};

namespace detail {
template <class Modality, class X> constexpr const X& content_of(const stream<Modality, X>& s) { return s.content; }
template <class S, class... Rest> constexpr const auto& first_content(const bundle<S, Rest...>& b) {
  return static_cast<const S&>(b).content;
}
}  // namespace detail

/// The value of a modality's stream.
template <class Modality, class... S> constexpr const auto& get(const bundle<S...>& b) {
  using wanted = stream_of<Modality, streams<typename S::modality...>>;
  static_assert(wanted::value, "multifuse: the bundle has no stream of this modality (read: modality, streams)");
  if constexpr (wanted::value)
    return detail::content_of<Modality>(b);
  else
    return detail::first_content(b);
}

/// One named stream.
template <class Modality, class X> constexpr stream<Modality, X> as(const X& x) { return {x}; }

/// Values given in the order of the modalities: `bundle_of<video, audio>(v, a)`.
template <class... Modality, class... X>
  requires(sizeof...(Modality) == sizeof...(X))
constexpr auto bundle_of(const X&... x) {
  return bundle<stream<Modality, X>...>{{x}...};
}

namespace detail {
template <class... Modality, class F> constexpr auto make_bundle(streams<Modality...>, F&& f) {
  return bundle<stream<Modality, decltype(f(static_cast<Modality*>(nullptr)))>...>{
      {f(static_cast<Modality*>(nullptr))}...};
}
}  // namespace detail

/// The bundle of `f(modality tag pointer)` for each modality, in order:
/// `transform_streams(streams<video, audio>{}, [&]<class M>(M*) { return norm(get<M>(b)); })`.
template <class... Modality, class F> constexpr auto transform_streams(streams<Modality...> list, F&& f) {
  return detail::make_bundle(list, f);
}

/// Puts every stream of a bundle on a tape.
template <class... S> auto record(tape& recorder, const bundle<S...>& b) {
  return transform_streams(typename bundle<S...>::modalities{},
                           [&]<class M>(M*) { return record(recorder, get<M>(b)); });
}
template <class... S> auto watch(tape& recorder, const bundle<S...>& b) {
  return transform_streams(typename bundle<S...>::modalities{},
                           [&]<class M>(M*) { return watch(recorder, get<M>(b)); });
}

}  // namespace multifuse
