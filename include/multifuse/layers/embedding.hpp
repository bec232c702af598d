#pragma once
#include "../ops/concat.hpp"
#include "../ops/pointwise.hpp"
#include "../ops/rearrange.hpp"
#include "../ops/slice.hpp"
#include "../tape/members.hpp"

namespace multifuse {

/// Adds a learned vector to every token by its place: [batch, Tokens, Width] -> the same.
template <class D, isize Tokens, isize Width> struct learned_positions {
  parameter<D, tokens<Tokens>, width<Width>> table{init::truncated_normal(0.02)};

  constexpr void members(auto&& visit) { visit("table", table); }
  template <value X> constexpr auto operator()(const X& x) const { return evaluate(x + table); }
};

/// Adds one learned vector to all tokens of a modality: [batch, tokens, Width] -> the same.
template <class D, isize Width> struct modality_embedding {
  parameter<D, width<Width>> vector{init::truncated_normal(0.02)};

  constexpr void members(auto&& visit) { visit("vector", vector); }
  template <value X> constexpr auto operator()(const X& x) const { return evaluate(x + vector); }
};

/// Puts Count learned tokens in front: [batch, tokens, Width] -> [batch, Count + tokens, Width]. With Count = 1 it is
/// the class token of BERT and ViT.
template <class D, isize Width, isize Count = 1> struct class_token {
  parameter<D, tokens<Count>, width<Width>> vectors{init::truncated_normal(0.02)};

  constexpr void members(auto&& visit) { visit("vectors", vectors); }
  template <value X> constexpr auto operator()(const X& x) const {
    return concat<tokens_axis>(expand_batch(vectors, x), x);
  }
};

/// The tokens behind the first one, which is the class token.
template <value X> constexpr auto without_class_token(const X& x) {
  return slice<tokens_axis>(x, 1, extent<tokens_axis>(x) - 1);
}

}  // namespace multifuse
