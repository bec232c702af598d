#pragma once
#include "../core/math.hpp"
#include "elementwise.hpp"

namespace multifuse {

namespace functions {

/// -y log sigmoid(x) - (1 - y) log(1 - sigmoid(x)), written so that nothing overflows.
struct binary_cross_entropy {
  static constexpr std::string_view name = "binary_cross_entropy", input = "logit";
  static constexpr double flops = 26;
  template <class T> MULTIFUSE_HD static T value(T x, T y) {
    return (x > T(0) ? x : T(0)) - x * y + std::log1p(math::exp(x > T(0) ? -x : x));
  }
  template <class T> MULTIFUSE_HD static T slope(T x, T y) { return T(1) / (T(1) + math::exp(-x)) - y; }
};

/// -y log p - (1 - y) log(1 - p) with logarithms of at least -100; the slope divides by p (1 - p) of at least 1e-12.
struct binary_cross_entropy_of_probabilities {
  static constexpr std::string_view name = "binary_cross_entropy_of_probabilities", input = "probability";
  static constexpr std::string_view range = "a number in [0, 1]";
  static constexpr double flops = 26;
  static bool in_range(double p) { return p >= 0 && p <= 1; }
  template <class T> MULTIFUSE_HD static T bounded_log(T p) {
    const T l = std::log(p);  // NaN for a negative number
    return l < T(-100) ? T(-100) : l;
  }
  template <class T> MULTIFUSE_HD static T value(T p, T y) {
    return -y * bounded_log(p) - (T(1) - y) * bounded_log(T(1) - p);
  }
  template <class T> MULTIFUSE_HD static T slope(T p, T y) {
    const T variance = p * (T(1) - p);
    return (p - y) / (variance > T(1e-12) ? variance : T(1e-12));
  }
};

}  // namespace functions

struct binary_cross_entropy_options {
  reduction reduce = reduction::mean;
  double smoothing = 0;  ///< targets become (1 - smoothing) y + smoothing / classes
};

/// Binary cross-entropy of logits [batch, ..., classes] with targets in [0, 1] of the same shape: the mean over
/// everything, or, as in MBT, the sum over classes averaged over the rest. No gradient goes to the targets. Throws
/// argument_error for logits or targets that are NaN or infinite.
template <value X, value Q>
requires same_axes_in_order<detail::shape_of_t<X>, detail::shape_of_t<Q>>
constexpr auto binary_cross_entropy(const X& logits, const Q& targets, binary_cross_entropy_options options = {}) {
  return apply(elementwise_loss_op<functions::binary_cross_entropy>{options.reduce, options.smoothing}, logits,
               detail::constant(targets));
}
/// Likewise with rows weighted by weights [batch, ...], normalized by their sum. Throws argument_error unless it is
/// positive.
template <value X, value Q, value W>
requires same_axes_in_order<detail::shape_of_t<X>, detail::shape_of_t<Q>> &&
    weights_for<detail::shape_of_t<W>, detail::shape_of_t<X>>
constexpr auto binary_cross_entropy(const X& logits, const Q& targets, const W& weights,
                                    binary_cross_entropy_options options = {}) {
  return apply(elementwise_loss_op<functions::binary_cross_entropy>{options.reduce, options.smoothing}, logits,
               detail::constant(targets), detail::constant(weights));
}

/// Binary cross-entropy of probabilities, such as those of a softmax (LAVISH), with logarithms bounded below by -100:
/// the mean over everything unless the options say otherwise. No gradient goes to the targets. Throws argument_error
/// for probabilities outside [0, 1] and for targets that are NaN or infinite.
template <value X, value Q>
requires same_axes_in_order<detail::shape_of_t<X>, detail::shape_of_t<Q>>
constexpr auto binary_cross_entropy_of_probabilities(const X& probabilities, const Q& targets,
                                                     binary_cross_entropy_options options = {}) {
  return apply(elementwise_loss_op<functions::binary_cross_entropy_of_probabilities>{options.reduce, options.smoothing},
               probabilities, detail::constant(targets));
}

}  // namespace multifuse
