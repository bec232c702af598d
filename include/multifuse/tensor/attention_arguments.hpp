#pragma once
#include <limits>

#include "../core/bf16.hpp"

/// What a backend that declares fused attention is asked to compute (see `backend`).
namespace multifuse {

namespace detail {

/// The score of a key that is not there. A constant, because device code cannot call numeric_limits.
template <class T> inline constexpr T hidden_score = -std::numeric_limits<T>::infinity();

/// Additive bias as a kernel sees it: the first element for one item, and the distance to the next head, query and key
/// (0 along an axis that the bias does not have).
template <class T> struct bias_view {
  const T* first = nullptr;
  isize head = 0, query = 0, key = 0;
};

}  // namespace detail

/// softmax(scale q k^T + bias) v over the keys that the mask keeps, for each item and head; heads are equal parts of
/// the width, one after the other.
template <class T> struct attention_arguments {
  isize items, heads, queries, keys;
  isize head, value_head;  ///< width of one head of queries and keys, and of values
  compute_type<T> scale;
  const T *q, *k,
      *v;  ///< [items, queries, heads x head], [items, keys, heads x head], [items, keys, heads x value_head]
  detail::bias_view<T> bias;  ///< of the first item
  const isize* item_bias;     ///< elements from the bias of the first item to that of each; null without a bias
  const T* mask;              ///< [items, keys], 0 hides a key; null without a mask
};

/// What the backward pass reads besides, and where it adds the gradients: null where nobody wants one. Gradients may
/// share memory where the values do, because queries, keys and values may be one tensor.
template <class T> struct attention_gradients {
  const T *y, *dy;                        ///< of the forward pass, and the gradient of its result
  const compute_type<T>* log_normalizers;  ///< what the forward pass kept
  T *dq, *dk, *dv;
  T* dbias;  ///< for the first item; laid out as the bias
};

}  // namespace multifuse
