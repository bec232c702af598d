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

/// A multimodal model read from top to bottom: the streams it takes, the stages they pass, a readout.
/// A stage is a `stage<Depth, strategy>` or any struct with `members` and a call operator from bundle to bundle.
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
    static_assert((bundle_has<bundle<S...>, M> && ...),
                  "multifuse: a model needs a stream for each of its modalities (read: bundle, model)");
    return stages(transform_streams(streams<M...>{}, [&]<class One>(One*) { return get<One>(b); }));
  }
  /// The streams in the order of the model's list.
  template <stream_content... X>
    requires(sizeof...(X) == sizeof...(M))
  constexpr auto operator()(const X&... x) const {
    return (*this)(bundle_of<M...>(x...));
  }
};

}  // namespace multifuse
