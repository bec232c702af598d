#pragma once
#include <string>

#include "computed.hpp"

namespace multifuse {

/// Which key a token may attend to: the fixed pattern of sparse transformers (Child et al. 2019), in both directions.
/// Tokens lie in blocks of `stride`; each attends to its own block with the first token of the next one, and to the
/// last `expressivity` tokens of every block with the first token behind it, where the other blocks leave summaries. A
/// token at the beginning of a block belongs to the block before it.
struct block_sparse_pattern {
  isize stride = 32, expressivity = 8;

  MULTIFUSE_HD constexpr bool allows(isize query, isize key) const {
    const isize begin = query > 0 && query % stride == 0 ? query - stride : query / stride * stride;
    if (key >= begin && key <= begin + stride) return true;
    const isize into = key % stride;  // from the last boundary at or before the key
    return into == 0 ? key > 0 : into >= stride - expressivity;
  }
};

namespace detail {
struct block_sparse_bias {
  block_sparse_pattern pattern;
  isize keys;
  double hidden;
  MULTIFUSE_HD double operator()(isize i) const { return pattern.allows(i / keys, i % keys) ? 0.0 : hidden; }
};
}  // namespace detail

/// The pattern as a bias for `biased_attention` beside a value `like`: [queries Tokens, keys Tokens], 0 where a key is
/// allowed and minus infinity elsewhere. Attention still computes every score: the pattern changes results, not cost.
/// Throws argument_error unless 0 < expressivity < stride < Tokens.
template <isize Tokens, value Like>
constexpr auto block_sparse_bias(const block_sparse_pattern& pattern, const Like& like) {
  if (!(0 < pattern.expressivity && pattern.expressivity < pattern.stride && pattern.stride < Tokens))
    throw argument_error("block_sparse_bias", "unusable pattern", "0 < expressivity < stride < tokens",
                         "expressivity " + std::to_string(pattern.expressivity) + ", stride " +
                             std::to_string(pattern.stride) + ", " + std::to_string(Tokens) + " tokens");
  return computed(shape<queries<Tokens>, keys<Tokens>>{},
                  detail::block_sparse_bias{pattern, Tokens, -__builtin_huge_val()}, like);
}

}  // namespace multifuse
