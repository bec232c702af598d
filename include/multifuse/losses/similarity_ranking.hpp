#pragma once
#include "../ops/computed.hpp"
#include "../ops/matmul.hpp"
#include "../ops/normalize.hpp"
#include "../ops/rearrange.hpp"
#include "../ops/reduce.hpp"
#include "contrastive.hpp"

/// Losses over the cosine similarities S of all rows of two streams, of which equal rows belong together, in the sums
/// of both directions in which text-video retrieval writes them. `info_nce` is their mean, on features as they are.
namespace multifuse {

/// NormSoftmax (Zhai and Wu, "Classification is a Strong Baseline for Deep Metric Learning", BMVC 2019, between two
/// modalities): the mean of -log softmax(S / temperature)_ii over rows plus that over columns. a, b [batch, width],
/// of any length above `epsilon`. Throws as `info_nce`.
template <value A, value B>
requires paired_features<detail::shape_of_t<A>, detail::shape_of_t<B>>
constexpr auto norm_softmax(const A& a, const B& b, double temperature = 0.05, double epsilon = 1e-8) {
  return evaluate(info_nce(l2_normalize(a, epsilon), l2_normalize(b, epsilon), {temperature}) * 2.0);
}

/// Masked margin softmax without masks (Ilharco, Zhang and Baldridge, "Large-Scale Representation Learning from
/// Visually Grounded Untranscribed Speech", CoNLL 2019): as `norm_softmax`, without a temperature and with a margin
/// taken off S_ii.
template <value A, value B>
requires paired_features<detail::shape_of_t<A>, detail::shape_of_t<B>>
constexpr auto margin_softmax(const A& a, const B& b, double margin = 0.001, double epsilon = 1e-8) {
  return evaluate(
      info_nce(l2_normalize(a, epsilon), l2_normalize(b, epsilon), {.temperature = 1, .margin = margin}) * 2.0);
}

namespace detail {
struct off_diagonal {
  isize n;
  MULTIFUSE_HD bool operator()(isize i) const { return i / n != i % n; }
};
}  // namespace detail

/// Max-margin ranking (Karpathy, Joulin and Fei-Fei, NIPS 2014; Miech et al. 2018): the mean of max(0, margin + S_ij -
/// S_ii) and max(0, margin + S_ji - S_ii) over all j != i. a, b [batch, width] of at least two rows. Throws
/// argument_error for one row and for a negative margin.
template <value A, value B>
requires paired_features<detail::shape_of_t<A>, detail::shape_of_t<B>>
constexpr auto max_margin_ranking(const A& a, const B& b, double margin = 0.1, double epsilon = 1e-8) {
  const isize n = extent<batch_axis>(a);
  if (n < 2 || !(margin >= 0 && margin < 1e300))
    throw argument_error("max_margin_ranking", "unusable batch or margin", "two rows or more, a margin of at least 0",
                         std::to_string(n) + " rows, " + std::to_string(margin));
  const auto x = l2_normalize(a, epsilon);
  const auto y = l2_normalize(b, epsilon);
  const auto similarity = matmul<width_axis>(x, rename<batch_axis, columns_axis>(y));  // [batch, columns]
  const auto partners = sum<width_axis>(x * y);
  const auto negatives = computed(detail::dims_of(similarity), detail::off_diagonal{n}, similarity);
  const auto above = relu(similarity - partners + margin) +
                     relu(similarity - rename<batch_axis, columns_axis>(partners) + margin);
  return evaluate(sum(above * negatives) * (0.5 / double(n * (n - 1))));
}

}  // namespace multifuse
