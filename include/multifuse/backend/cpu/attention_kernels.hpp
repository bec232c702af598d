#pragma once
#include <algorithm>
#include <cmath>

#include "../../core/math.hpp"
#include "../../tensor/attention_arguments.hpp"

namespace multifuse::detail {

/// Scores of some queries and keys, and what is added to them. Here and below, T is the type of elements in memory;
/// scores and what is made of them are numbers of its `compute_type`.
template <class T> struct attention_block {
  isize rows, keys;
  isize stride;  ///< from one query to the next; up to a multiple of a vector there is room behind the last key
  compute_type<T>* scores;
  const T* bias;  ///< of the first query and key; null without one
  isize bias_query, bias_key;
  const T* mask;  ///< of the first key; null without one
};

/// The softmax of some queries so far, over the keys that were seen (Milakov and Gimelshein 2018).
template <class N> struct attention_running {
  N *most, *total;  ///< the largest score, and the sum of exponentials relative to it
  N* result;        ///< the sum of values weighed by the exponentials, [rows, width]
  isize width;
};

/// What turns scores and gradients of probabilities into probabilities and gradients of scores.
template <class N> struct attention_score_gradient {
  const N* log_normalizers;
  const N* expected;  ///< the probabilities' product with their gradient, of each query
  N* gradients;       ///< as the scores lie; null where nobody wants them
  N* bias;            ///< where the bias's gradient goes, as the bias lies; null where nobody wants it
};

/// The kernels of one set of instructions.
template <class T> struct attention_kernels {
  using number = compute_type<T>;
  using running = attention_running<number>;
  /// Scores become exponentials relative to the largest so far; what was found before is put on the same footing.
  void (*softmax)(const attention_block<T>&, const running&);
  /// The same, all at once, for scores that lie as [keys, queries]: `stride` is from one key to the next, and there is
  /// room behind the last query of the scores and of what is kept.
  void (*softmax_of_columns)(const attention_block<T>&, const running&);
  /// Divides by the sums; keeps the logarithms of the normalizers (minus infinity if no key is left).
  void (*finish)(const running&, isize rows, T* y, isize stride, isize width, number* log_normalizers);
  void (*score_gradients)(const attention_block<T>&, const attention_score_gradient<number>&);
  /// y[row] = the scalar product of row `row` of a and b.
  void (*scalar_products)(isize rows, isize width, const T* a, const T* b, isize stride, number* y);
  void (*add_rows)(isize rows, isize width, const number* from, isize from_stride, T* to, isize stride);
};

}  // namespace multifuse::detail
