#pragma once
#include <array>
#include <type_traits>

#include "../tensor/shape.hpp"
#include "axes.hpp"

/// How the axes of an attention bias belong to those of the queries.
namespace multifuse::detail {

/// Distances between elements of a bias: along the leading axes of the queries, heads, queries and keys.
template <class Q, class B> struct bias_strides {
  static constexpr std::size_t leading = Q::rank - 2;
  std::array<isize, leading + 1> lead{}, extents{};
  isize head = 0, query = 0, key = 0;

  bias_strides(const Q& q, const B& bias) {
    for (std::size_t i = 0; i < leading; ++i) extents[i] = q[i];
    [&]<class... A>(const shape<A...>&) {
      std::size_t i = 0;
      auto see = [&]<class One>(One*) {
        const isize stride = One::extent == 1 ? 0 : bias.product(i + 1, B::rank);
        ++i;
        using tag = typename One::tag;
        if constexpr (std::is_same_v<tag, heads_axis>)
          head = stride;
        else if constexpr (std::is_same_v<tag, queries_axis>)
          query = stride;
        else if constexpr (std::is_same_v<tag, keys_axis>)
          key = stride;
        else
          lead[Q::template position<tag>()] = stride;
      };
      (see(static_cast<A*>(nullptr)), ...);
    }(bias);
  }
  isize offset(isize item) const {
    isize at = 0;
    for (std::size_t i = leading; i-- > 0; item /= extents[i]) at += item % extents[i] * lead[i];
    return at;
  }
};

/// Every axis of a bias is heads, queries, keys or a leading axis of the queries.
template <class Q, class B> inline constexpr bool bias_fits = false;
template <class... Q, class... B>
inline constexpr bool bias_fits<shape<Q...>, shape<B...>> =
    ((std::is_same_v<typename B::tag, heads_axis> || std::is_same_v<typename B::tag, queries_axis> ||
      std::is_same_v<typename B::tag, keys_axis> ||
      shape<Q...>::template position<typename B::tag>() + 2 < sizeof...(Q)) &&
     ...);

}  // namespace multifuse::detail
