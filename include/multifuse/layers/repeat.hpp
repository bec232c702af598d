#pragma once
#include <array>

#include "../tape/members.hpp"

namespace multifuse {

/// N layers of one type in a row, compiled once: x -> layer N-1 ( ... layer 0 (x)). A layer must keep the type of its
/// input. `repeat<transformer_block<cpu<float>, 768, 12>, 8> encoder; auto y = encoder(x); encoder[3] ...`
template <class Layer, isize N> struct repeat {
  static_assert(N > 0, "multifuse: repeat needs at least one layer");
  static constexpr isize size = N;
  std::array<Layer, std::size_t(N)> layers;

  constexpr void members(auto&& visit) {
    for (std::size_t i = 0; i < std::size_t(N); ++i) visit(isize(i), layers[i]);
  }
  constexpr Layer& operator[](isize i) { return layers[std::size_t(i)]; }
  constexpr const Layer& operator[](isize i) const { return layers[std::size_t(i)]; }

  template <class X> constexpr auto operator()(const X& x) const {
    auto y = layers[0](x);
    for (std::size_t i = 1; i < std::size_t(N); ++i) y = layers[i](y);
    return y;
  }
};

/// Layers of different types in a row.
template <class... Layers> struct sequential {
  pack<Layers...> layers;

  constexpr void members(auto&& visit) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (visit(isize(I), get<I>(layers)), ...);
    }(std::index_sequence_for<Layers...>{});
  }
  template <class X> constexpr auto operator()(const X& x) const {
    return observed(x, [](isize, const auto&) {});
  }

  /// The same; calls `observe(number, value)` after each layer.
  template <std::size_t I = 0> constexpr auto observed(const auto& x, const auto& observe) const {
    const auto y = get<I>(layers)(x);
    observe(isize(I), y);
    if constexpr (I + 1 == sizeof...(Layers))
      return y;
    else
      return observed<I + 1>(y, observe);
  }
};

}  // namespace multifuse
