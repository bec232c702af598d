#pragma once
#include <cstdint>

#include "types.hpp"

#if defined(__CUDACC__)
#define MULTIFUSE_UNROLL _Pragma("unroll")
#else
#define MULTIFUSE_UNROLL
#endif

namespace multifuse::detail {

/// Elements that are read and written by one instruction.
template <class T, int N> struct alignas(N * sizeof(T)) short_vector {
  T at[N];
};

/// How many elements of T one instruction of a device moves at best.
template <class T> inline constexpr int widest_vector = int(16 / sizeof(T));

template <class T> using widest = short_vector<T, widest_vector<T>>;

/// The vector at an aligned address.
template <class T> MULTIFUSE_HD inline widest<T> read_vector(const T* from) {
  return *reinterpret_cast<const widest<T>*>(from);
}
template <class T> MULTIFUSE_HD inline void write_vector(T* to, const widest<T>& elements) {
  *reinterpret_cast<widest<T>*>(to) = elements;
}

/// True if vectors can be read at an address; null is never read.
template <class T> bool holds_vectors(const T* address) {
  return reinterpret_cast<std::uintptr_t>(address) % sizeof(widest<T>) == 0;
}

}  // namespace multifuse::detail
