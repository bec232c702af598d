#pragma once
#include "../ops/dropout.hpp"
#include "layer_norm.hpp"
#include "window_attention.hpp"

namespace multifuse {

/// A block of Swin V2 (Liu et al. 2022): attention in windows and an MLP, each followed by a norm before it is added
/// ("res-post-norm"). [batch, rows * columns, Width] -> the same. In a row of blocks, every second one has shifted
/// windows: set its `shifted`. Example: `swin_block<dev, 96, 3, window_grid{.rows = 56, .columns = 56, .window = 8}>
/// block;`
template <class D, isize Width, isize Heads, window_grid G, isize Hidden = 4 * Width> struct swin_block {
  static constexpr isize width_of_tokens = Width;
  using device = D;

  window_attention<D, Width, Heads, G> attention;
  mlp<D, Width, Hidden> feed_forward;
  layer_norm<D, Width, norm_config{1e-5}> attention_norm, mlp_norm;
  random_stream attention_path, mlp_path;
  double drop_path_rate = 0;  ///< probability of dropping a branch for an item, in training
  bool shifted = false;

  constexpr void members(auto&& visit) {
    visit("attention", attention);
    visit("attention_norm", attention_norm);
    visit("mlp", feed_forward);
    visit("mlp_norm", mlp_norm);
    visit("attention_path", attention_path);
    visit("mlp_path", mlp_path);
  }

  /// What the attention branch adds to x (before stochastic depth); for parallel adapters.
  template <value X> constexpr auto attention_branch(const X& x) const {
    return attention_norm(attention(x, shifted));
  }
  /// What the MLP branch adds to x.
  template <value X> constexpr auto mlp_branch(const X& x) const { return mlp_norm(feed_forward(x)); }

  template <value X> constexpr auto operator()(const X& expression) const {
    const auto x = evaluate(expression);
    const auto first =
        evaluate(x + drop_path(attention_branch(x), drop_path_rate, attention_path, rescale::yes));
    return evaluate(first + drop_path(mlp_branch(first), drop_path_rate, mlp_path, rescale::yes));
  }
};

}  // namespace multifuse
