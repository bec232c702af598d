#pragma once
#include <array>

#include "linear.hpp"
#include "repeat.hpp"
#include "residual_block.hpp"

namespace multifuse {

/// Widths and depths of a `sequence_network`. The values written here are those of ResDAVEnet (Harwath, Hsu and Glass,
/// "Learning Hierarchical Discrete Linguistic Units from Visually-Grounded Speech", ICLR 2020) as Everything at Once
/// widened it; unused places at the end are 0.
struct sequence_network_config {
  std::array<isize, 8> widths{128, 128, 256, 512, 1024, 2048, 4096};  ///< after the first layer and after each stage
  std::array<isize, 7> blocks{2, 2, 1, 1, 1, 1};                      ///< of each stage
  isize taps = 9;                                                     ///< of the convolutions over time; odd
  batch_norm_options norm = {};

  constexpr std::size_t stages() const {
    std::size_t n = 0;
    while (n < blocks.size() && blocks[n] > 0) ++n;
    return n;
  }
  constexpr isize width() const { return widths[stages()]; }
  /// How many tokens come out for so many frames: each stage halves them, rounding up.
  constexpr isize tokens(isize frames) const {
    for (std::size_t s = 0; s < stages(); ++s) frames = (frames + 1) / 2;
    return frames;
  }
  constexpr bool valid() const {
    bool fits = stages() > 0 && taps > 0 && taps % 2 == 1 && widths[0] > 0;
    for (std::size_t s = 0; s < stages(); ++s) fits = fits && widths[s + 1] > 0;
    return fits;
  }
};

/// The message of a configuration without stages, with an even number of taps, or with a stage that has no width.
template <sequence_network_config C>
concept valid_sequence_network = C.valid();

namespace detail {
/// A stage: a residual block that halves the tokens, and blocks that keep them.
template <class D, sequence_network_config C, std::size_t Stage> struct sequence_stage {
  static constexpr isize in = C.widths[Stage], out = C.widths[Stage + 1];
  template <isize From, isize Step>
  using layer = convolution<D, From, out,
                            window_config{.kernel = {C.taps}, .stride = {Step}, .padding = {C.taps / 2}}, 1, false>;
  using around = projection_shortcut<D, in, out, window_config{.kernel = {1}, .stride = {2}}, C.norm>;
  using halving = residual_block<D, out, layer<in, 2>, layer<out, 1>, around, C.norm>;
  using keeping = residual_block<D, out, layer<out, 1>, layer<out, 1>, identity_shortcut, C.norm>;
  template <std::size_t... I>
  static auto all(std::index_sequence<I...>) -> sequential<std::conditional_t<I == 0, halving, keeping>...>;
  using type = decltype(all(std::make_index_sequence<std::size_t(C.blocks[Stage])>{}));
};
template <class D, sequence_network_config C, std::size_t... Stage>
auto sequence_stages(std::index_sequence<Stage...>) -> sequential<typename sequence_stage<D, C, Stage>::type...>;
}  // namespace detail

/// A residual network over time for spectrograms: a layer over all bins of a frame, then stages of residual blocks
/// whose convolutions see neighboring frames only. [batch, tokens (frames), Bins] -> [batch, C.tokens(frames),
/// C.width()].
template <class D, isize Bins, sequence_network_config C = sequence_network_config{}>
  requires valid_sequence_network<C>
struct sequence_network {
  using first_layer = linear<D, Bins, C.widths[0], false>;
  first_layer first{.weight = decltype(first_layer::weight)(init::he_normal(Bins * C.widths[0]))};
  batch_norm<D, C.widths[0]> first_norm{.options = C.norm};
  decltype(detail::sequence_stages<D, C>(std::make_index_sequence<C.stages()>{})) stages;

  constexpr void members(auto&& visit) {
    visit("first", first);
    visit("first_norm", first_norm);
    visit("stages", stages);
  }
  template <value X> constexpr auto operator()(const X& x) const {
    return stages(evaluate(relu(first_norm(first(x)))));
  }
};

}  // namespace multifuse
