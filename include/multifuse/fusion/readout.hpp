#pragma once
#include "../layers/linear.hpp"
#include "../ops/reduce.hpp"
#include "../ops/slice.hpp"
#include "join.hpp"

namespace multifuse {

/// The first token of a stream, where a class token stands: [batch, tokens, width] -> [batch, width].
template <stream_content X> constexpr auto first_token(const X& x) {
  return mean<tokens_axis>(slice_of<tokens_axis, 1>(content_of(x), 0));
}

/// Poolings: from a bundle of tokens to one vector an item.
struct mean_of_class_tokens {
  static constexpr bool reads_first_tokens = true;
  template <class... S> constexpr auto operator()(const bundle<S...>& b) const {
    return evaluate(mean_of(first_token(get<typename S::modality>(b))...));
  }
};
/// The mean over all tokens of all streams.
struct mean_of_tokens {
  template <class... S> constexpr auto operator()(const bundle<S...>& b) const {
    return mean_token(join_tokens(typename bundle<S...>::modalities{}, b));
  }
};
/// The mean tokens of the streams side by side: [batch, modalities * width].
struct concatenated_means {
  template <class... S> constexpr auto operator()(const bundle<S...>& b) const {
    return concat<width_axis>(mean_token(get<typename S::modality>(b))...);
  }
};

/// What a model says in the end: a pooling, then a layer. `readout<mean_of_class_tokens, linear<dev, 768, 309>>`.
template <class Pooling, class Head> struct readout {
  static constexpr bool reads_first_tokens = reads_only_first_tokens<Pooling>;
  Head head;
  constexpr void members(auto&& visit) { visit("head", head); }
  template <class... S> constexpr auto operator()(const bundle<S...>& b) const { return head(Pooling{}(b)); }
};

/// Late fusion: a head for each modality on its own mean token (or class token), logits averaged.
template <class Head, class Pooling = mean_of_tokens> struct late {
  template <class Modalities> struct over;
  template <class... M> struct over<streams<M...>> {
    static constexpr bool reads_first_tokens = reads_only_first_tokens<Pooling>;
    per_modality<Head, streams<M...>> heads;
    constexpr void members(auto&& visit) { visit("heads", heads); }
    template <class... S> constexpr auto operator()(const bundle<S...>& b) const {
      return evaluate(mean_of(one<M>(b)...));
    }
    /// The logits of one modality alone.
    template <class Modality, class... S> constexpr auto one(const bundle<S...>& b) const {
      return heads.template layer<Modality>()(Pooling{}(bundle_of<Modality>(get<Modality>(b))));
    }
  };
};

}  // namespace multifuse
