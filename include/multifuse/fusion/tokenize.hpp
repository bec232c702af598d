#pragma once
#include "bundle.hpp"

namespace multifuse {

/// The first stage of a model that takes raw samples: each modality's own way of making tokens. `Tokenizer<M, D,
/// Width>` is usually `tokenizer_of` with the modality policies of modalities/modality.hpp:
/// fusion_model<streams<video, audio>, tokenize<tokenizer_of, dev, 192>, stage<4, ...>, ...>
template <template <class, class, isize> class Tokenizer, class D, isize Width> struct tokenize {
  template <class Modalities> struct over;
  template <class... M> struct over<streams<M...>> {
    pack<Tokenizer<M, D, Width>...> tokenizers;

    constexpr void members(auto&& visit) {
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        (visit(M::name, multifuse::get<I>(tokenizers)), ...);
      }(std::index_sequence_for<M...>{});
    }
    template <class... S> constexpr auto operator()(const bundle<S...>& b) const {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return bundle_of<M...>(multifuse::get<I>(tokenizers)(get<M>(b))...);
      }(std::index_sequence_for<M...>{});
    }
  };
};

}  // namespace multifuse
