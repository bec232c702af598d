#pragma once
#include <cstddef>
#include <type_traits>
#include <utility>

#include "types.hpp"

namespace multifuse {

namespace detail {
template <std::size_t I, class T> struct pack_element {
  T value;
};

template <class Indices, class... T> struct pack_base;
template <std::size_t... I, class... T>
struct pack_base<std::index_sequence<I...>, T...> : pack_element<I, T>... {};
}  // namespace detail

/// A tuple by indexed inheritance: compiles several times faster than std::tuple in long lists and works in device
/// code. Example: `auto p = make_pack(1, 2.0f); get<1>(p)`.
template <class... T> struct pack : detail::pack_base<std::index_sequence_for<T...>, T...> {
  static constexpr std::size_t size = sizeof...(T);
};

template <std::size_t I, class T> MULTIFUSE_HD constexpr T& get(detail::pack_element<I, T>& element) {
  return element.value;
}
template <std::size_t I, class T> MULTIFUSE_HD constexpr const T& get(const detail::pack_element<I, T>& element) {
  return element.value;
}

namespace detail {
template <std::size_t... I, class... T>
constexpr pack<T...> build_pack(std::index_sequence<I...>, const T&... values) {
  return pack<T...>{{pack_element<I, T>{values}...}};
}
}  // namespace detail

/// A pack that holds copies of its arguments.
template <class... T> constexpr pack<T...> make_pack(const T&... values) {
  return detail::build_pack(std::index_sequence_for<T...>{}, values...);
}

}  // namespace multifuse
