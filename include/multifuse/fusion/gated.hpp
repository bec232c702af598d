#pragma once
#include "../layers/linear.hpp"
#include "../ops/reduce.hpp"
#include "join.hpp"

namespace multifuse {

/// Every stream is scaled, feature by feature, by a gate between 0 and 1 that is computed from the mean tokens of all
/// streams (gated multimodal units, Arevalo et al. 2017, for token streams). A stage of no depth: use it as it is.
template <class D, isize Width> struct gated {
  template <class Modalities> struct over;
  template <class... M> struct over<streams<M...>> {
    per_modality<linear<D, isize(sizeof...(M)) * Width, Width>, streams<M...>> gates;
    constexpr void members(auto&& visit) { visit("gates", gates); }

    template <class... S> constexpr auto operator()(const bundle<S...>& b) const {
      const auto seen = concat<width_axis>(mean_token(get<M>(b))...);  // [batch, modalities * width]
      return transform_streams(streams<M...>{}, [&]<class One>(One*) {
        const auto& x = get<One>(b);
        const auto scaled = evaluate(content_of(x) * sigmoid(gates.template layer<One>()(seen)));
        if constexpr (is_masked<std::remove_cvref_t<decltype(x)>>)
          return masked_tokens{scaled, x.kept};
        else
          return scaled;
      });
    }
  };
};

}  // namespace multifuse
