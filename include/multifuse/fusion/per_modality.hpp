#pragma once
#include "../layers/repeat.hpp"
#include "bundle.hpp"

namespace multifuse {

namespace detail {
template <class Modality, class Layer> struct layer_for {
  Layer layer;
};
template <class Modality, class Layer> constexpr Layer& layer_of(layer_for<Modality, Layer>& holder) {
  return holder.layer;
}
template <class Modality, class Layer> constexpr const Layer& layer_of(const layer_for<Modality, Layer>& holder) {
  return holder.layer;
}
}  // namespace detail

/// One layer of the same type for each modality; member names are the modalities'.
template <class Layer, class Modalities> struct per_modality;
template <class Layer, class... M> struct per_modality<Layer, streams<M...>> : detail::layer_for<M, Layer>... {
  constexpr void members(auto&& visit) { (visit(M::name, detail::layer_of<M>(*this)), ...); }

  template <class Modality> constexpr Layer& layer() { return detail::layer_of<Modality>(*this); }
  template <class Modality> constexpr const Layer& layer() const { return detail::layer_of<Modality>(*this); }

  /// Each stream through its own layer.
  template <class... S> constexpr auto operator()(const bundle<S...>& b) const {
    return transform_streams(streams<M...>{}, [&]<class One>(One*) { return layer<One>()(get<One>(b)); });
  }
};

/// The first of a list of modalities, and the list without one of them.
template <class List> struct first_modality_of;
template <class M, class... Rest> struct first_modality_of<streams<M, Rest...>> { using type = M; };
template <class List> using first_modality = typename first_modality_of<List>::type;

template <class List, class M> struct streams_without;
template <class... N, class M> struct streams_without<streams<N...>, M> {
  template <class... L> struct join;
  template <class... A> struct join<streams<A...>> { using type = streams<A...>; };
  template <class... A, class... B, class... Rest>
  struct join<streams<A...>, streams<B...>, Rest...> : join<streams<A..., B...>, Rest...> {};
  using type = typename join<streams<>, std::conditional_t<std::is_same_v<N, M>, streams<>, streams<N>>...>::type;
};

}  // namespace multifuse
