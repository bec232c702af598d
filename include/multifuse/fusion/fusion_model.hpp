#pragma once
#include "stage.hpp"

namespace multifuse {

namespace detail {
/// A part of a model for these modalities: recipes are completed, anything else is used as it is.
template <class Part, class Modalities> struct completed { using type = Part; };
template <class Part, class Modalities>
  requires requires { typename Part::template over<Modalities>; }
struct completed<Part, Modalities> {
  using type = typename Part::template over<Modalities>;
};
}  // namespace detail

namespace detail {
template <class First, class...> inline constexpr isize first_width = width_taken<First>;

/// Static extent of the width of a stream's content, dynamic if it has no such axis.
template <class X> constexpr isize width_of_content() {
  using S = shape_of_t<std::remove_cvref_t<decltype(content_of(std::declval<const X&>()))>>;
  if constexpr (S::template has<width_axis>)
    return S::template static_extent<width_axis>();
  else
    return dynamic;
}
}  // namespace detail

/// The message of a bundle that lacks a stream. Read it as: the model's modalities, the bundle's.
template <class Wanted, class Given> struct streams_of;
template <class... M, class Given> struct streams_of<streams<M...>, Given> {
  static constexpr bool value = (stream_of<M, Given>::value && ...);
};

/// A multimodal model read from top to bottom: the streams it takes, the stages they pass, a readout.
/// A stage is a `stage<Depth, strategy>` or any struct with `members` and a call operator from bundle to bundle.
/// Before a readout that reads only class tokens, the last layer of a strategy computes only those, if its block can:
/// the other tokens serve as keys and values. The result is the same, a layer's arithmetic shrinks to a sixth.
///   using net = fusion_model<streams<video, audio>, stage<8, unimodal<block>>, stage<4, bottleneck_fusion<block, 4>>,
///                            readout<mean_of_class_tokens, linear<dev, 768, 309>>>;
///   auto logits = net_object(video_tokens, audio_tokens);
template <class Modalities, class... Parts> struct fusion_model;
template <class... M, class... Parts> struct fusion_model<streams<M...>, Parts...> {
  sequential<typename detail::completed<Parts, streams<M...>>::type...> stages;

  constexpr void members(auto&& visit) { stages.members(visit); }

  /// Part number I of the list.
  template <std::size_t I> constexpr auto& part() { return multifuse::get<I>(stages.layers); }
  template <std::size_t I> constexpr const auto& part() const { return multifuse::get<I>(stages.layers); }

  template <class... S> constexpr auto operator()(const bundle<S...>& b) const {
    using complete = streams_of<streams<M...>, typename bundle<S...>::modalities>;
    static_assert(complete::value,
                  "multifuse: a model needs a stream for each of its modalities (read: the model's, the bundle's)");
    static_assert((stream_width<S>::value && ...),
                  "multifuse: a model's first stage takes tokens of another width (read: stream, axis, expected, got)");
    if constexpr (complete::value && (stream_width<S>::value && ...))
      return run<0>(transform_streams(streams<M...>{}, [&]<class One>(One*) { return get<One>(b); }));
    else
      return detail::first_content(b);
  }
  /// The streams in the order of the model's list.
  template <stream_content... X>
    requires(sizeof...(X) == sizeof...(M))
  constexpr auto operator()(const X&... x) const {
    return (*this)(bundle_of<M...>(x...));
  }

 private:
  /// Each part gets its input to keep, and lets go of it when it has been used.
  template <std::size_t I> constexpr auto run(auto x) const {
    if constexpr (I + 1 == sizeof...(Parts)) {
      return part<I>()(x);
    } else {
      constexpr bool first_tokens_suffice = reads_only_first_tokens<std::remove_cvref_t<decltype(part<I + 1>())>>;
      if constexpr (first_tokens_suffice && requires { part<I>().first_tokens(x); })
        return run<I + 1>(part<I>().first_tokens(std::move(x)));
      else
        return run<I + 1>(part<I>()(std::move(x)));
    }
  }

  /// A stream's width beside the one that the first stage takes.
  template <class S>
  using stream_width = extent_mismatch<typename S::modality, width_axis,
                                       detail::first_width<typename detail::completed<Parts, streams<M...>>::type...>,
                                       detail::width_of_content<decltype(S::content)>()>;
};

}  // namespace multifuse
