#pragma once
#include <array>
#include <string>

#include "../io/framework_names.hpp"
#include "../layers/factorized_convolution.hpp"
#include "../layers/linear.hpp"
#include "../layers/repeat.hpp"
#include "../losses/cross_entropy.hpp"
#include "../ops/concat.hpp"
#include "../ops/normalize.hpp"
#include "../ops/rearrange.hpp"
#include "../ops/reduce.hpp"

/// XDC: H. Alwassel, D. Mahajan, B. Korbar, L. Torresani, B. Ghanem, D. Tran, "Self-Supervised Learning by Cross-Modal
/// Audio-Video Clustering", NeurIPS 2020. The features of each modality are clustered, and the numbers of the clusters
/// are labels: those of the audio train the video encoder, those of the video train the audio encoder. Clustering and
/// training alternate, `train_on_pseudo_labels` of train/pseudo_labels.hpp.
namespace multifuse::xdc {

/// Whose clusters an encoder learns: its own (SDC, single-modality deep clustering), its own and the other modality's
/// with a head each (MDC), those of the concatenated features (CDC), or the other modality's (XDC).
enum class strategy { single, multi_head, concatenated, cross };

/// Numbers of clusters.
struct clusters {
  isize video = 64, audio = 64, both = 64;
};

/// The published encoders: R(2+1)D-18, and the residual network of 18 layers on spectrograms of "Video Model Zoo".
struct config {
  isize video_width = 64, stem_channels = 45;  ///< after the stem, doubled in each later stage; inside the stem
  std::array<isize, 6> audio_channels{16, 32, 64, 128, 256, 512};  ///< of the first convolution and of five stages
  double epsilon = 1e-3;
  double video_momentum = 0.9;  ///< of running statistics, as the authors' code has it; Caffe2's 0.9 would be 0.1
  double audio_momentum = 0.1;
  constexpr batch_norm_options video_norm() const { return {epsilon, video_momentum}; }
  constexpr batch_norm_options audio_norm() const { return {epsilon, audio_momentum}; }
};

namespace detail {
template <class D, isize In, isize Out, window_config C, batch_norm_options N>
using shortcut_of =
    std::conditional_t<In == Out && C.step(0) == 1, identity_shortcut, projection_shortcut<D, In, Out, C, N>>;

/// The block of an R(2+1)D.
template <class D, isize In, isize Out, isize Stride, batch_norm_options N> struct video_block_of {
  static constexpr factorized_config first{.stride = Stride, .frame_stride = Stride, .norm = N};
  using shortcut = shortcut_of<D, In, Out, window_config{.kernel = {1, 1, 1}, .stride = {Stride, Stride, Stride}}, N>;
  using type = residual_block<D, Out, factorized_convolution<D, In, Out, first>,
                              factorized_convolution<D, Out, Out, factorized_config{.norm = N}>, shortcut, N>;
};
/// The block of the audio network.
template <class D, isize In, isize Out, isize Stride, batch_norm_options N> struct audio_block_of {
  template <isize From, isize Step>
  using full = convolution<D, From, Out,
                           window_config{.kernel = {3, 3}, .stride = {Step, Step}, .padding = {1, 1}}, 1, false>;
  using shortcut = shortcut_of<D, In, Out, window_config{.kernel = {1, 1}, .stride = {Stride, Stride}}, N>;
  using type = residual_block<D, Out, full<In, Stride>, full<Out, 1>, shortcut, N>;
};
}  // namespace detail

/// Clips [batch, frames, rows, columns, 3] -> features [batch, 8 video_width].
template <class D, config C = config{}> struct video_encoder {
  using device = D;
  static constexpr bool is_audio = false;
  static constexpr isize width = 8 * C.video_width;
  template <isize In, isize Out, isize Stride = 1>
  using block =
      typename detail::video_block_of<D, In * C.video_width, Out * C.video_width, Stride, C.video_norm()>::type;

  factorized_convolution<D, 3, C.video_width, factorized_config{.kernel = 7, .stride = 2, .norm = C.video_norm()},
                         C.stem_channels>
      stem;
  batch_norm<D, C.video_width> stem_norm{.options = C.video_norm()};
  sequential<block<1, 1>, block<1, 1>, block<1, 2, 2>, block<2, 2>, block<2, 4, 2>, block<4, 4>, block<4, 8, 2>,
             block<8, 8>>
      blocks;

  constexpr void members(auto&& visit) { visit("stem", stem), visit("stem_norm", stem_norm), visit("blocks", blocks); }
  template <value X> constexpr auto operator()(const X& x) const { return observed(x, [](isize, const auto&) {}); }

  /// The same; calls `observe(number, map)` with the map after the stem (-1) and after each block.
  constexpr auto observed(const auto& x, const auto& observe) const {
    const auto start = evaluate(relu(stem_norm(stem(x))));
    observe(isize(-1), start);
    const auto map = blocks.observed(start, observe);
    return rename<channels_axis, width_axis>(mean<frames_axis, rows_axis, columns_axis>(map));
  }
};

/// Log-mel spectrograms [batch, rows (time), columns (mel), 1] -> features [batch, audio_channels[5]].
template <class D, config C = config{}> struct audio_encoder {
  using device = D;
  static constexpr bool is_audio = true;
  static constexpr isize width = C.audio_channels[5];
  template <std::size_t Stage, isize Stride>
  using block = typename detail::audio_block_of<D, C.audio_channels[Stage - (Stride == 2)], C.audio_channels[Stage],
                                                Stride, C.audio_norm()>::type;
  using first_convolution = convolution<D, 1, C.audio_channels[0], window_config{.kernel = {3, 3}, .padding = {1, 1}}>;

  first_convolution first = he_started<first_convolution>();
  sequential<block<1, 2>, block<1, 1>, block<1, 1>, block<2, 2>, block<2, 1>, block<3, 2>, block<3, 1>, block<4, 2>,
             block<4, 1>, block<5, 2>, block<5, 1>>
      blocks;

  constexpr void members(auto&& visit) { visit("first", first), visit("blocks", blocks); }
  template <value X> constexpr auto operator()(const X& x) const { return observed(x, [](isize, const auto&) {}); }

  /// The same; calls `observe(number, map)` with the map after each block.
  constexpr auto observed(const auto& x, const auto& observe) const {
    const auto map = blocks.observed(first(x), observe);
    return rename<channels_axis, width_axis>(max<rows_axis>(max<columns_axis>(map)));
  }
};

/// The numbers of the clusters of some samples, [batch] each.
template <class D> struct pseudo_labels {
  using numbers = tensor<rebind<D, std::int32_t>, shape<batch<>>>;
  numbers video = {}, audio = {}, both = {};
};
namespace detail {
enum class source { video, audio, both };
constexpr source opposite(source s) { return s == source::video ? source::audio : source::video; }
constexpr isize count(const clusters& k, source s) {
  return s == source::video ? k.video : s == source::audio ? k.audio : k.both;
}
template <class D> const auto& of(const pseudo_labels<D>& y, source s) {
  return s == source::video ? y.video : s == source::audio ? y.audio : y.both;
}
template <class Linear> constexpr Linear new_head() { return {.weight = decltype(Linear::weight)(init::normal(0.01))}; }
}  // namespace detail

/// The heads on one encoder's features, and its loss. Call `initialize(heads, seed)` after every clustering.
template <class D, strategy S, clusters K, bool Audio, isize Width> struct heads {
  static constexpr auto own = Audio ? detail::source::audio : detail::source::video;
  static constexpr auto first_source = S == strategy::concatenated ? detail::source::both
                                       : S == strategy::cross      ? detail::opposite(own)
                                                                   : own;
  using first_head = linear<D, Width, detail::count(K, first_source)>;
  using second_head = linear<D, Width, detail::count(K, detail::opposite(own))>;

  first_head first = detail::new_head<first_head>();
  second_head second = detail::new_head<second_head>();  ///< of MDC only
  constexpr void members(auto&& visit) {
    visit("first", first);
    if constexpr (S == strategy::multi_head) visit("second", second);
  }
  /// The mean cross-entropy of the first or the second head on features [batch, Width].
  constexpr auto first_loss(const auto& features, const pseudo_labels<D>& y) const {
    return cross_entropy(first(features), detail::of(y, first_source));
  }
  constexpr auto second_loss(const auto& features, const pseudo_labels<D>& y) const {
    static_assert(S == strategy::multi_head, "multifuse: only multi-head deep clustering has a second head");
    return cross_entropy(second(features), detail::of(y, detail::opposite(own)));
  }
  /// Their sum.
  constexpr auto loss(const auto& features, const pseudo_labels<D>& y) const {
    if constexpr (S == strategy::multi_head) return evaluate(first_loss(features, y) + second_loss(features, y));
    if constexpr (S != strategy::multi_head) return first_loss(features, y);
  }
};

/// An encoder with its heads: `network(x)` are the features to cluster, `network.loss(x, labels)` what to minimize. The
/// two networks of a pair are trained independently, each by its own optimizer.
template <class Encoder, strategy S = strategy::cross, clusters K = clusters{}> struct network {
  using device = typename Encoder::device;
  Encoder encoder;
  xdc::heads<device, S, K, Encoder::is_audio, Encoder::width> heads;

  constexpr void members(auto&& visit) { visit("encoder", encoder), visit("heads", heads); }
  template <value X> constexpr auto operator()(const X& x) const { return encoder(x); }
  constexpr auto loss(const auto& x, const pseudo_labels<device>& y) const { return heads.loss(encoder(x), y); }
};

/// What CDC clusters: the features of both modalities, each of length 1, side by side [batch, video + audio].
constexpr auto concatenated_features(const auto& video, const auto& audio) {
  return concat<width_axis>(l2_normalize(video), l2_normalize(audio));
}

namespace detail {
/// A convolution of ours and one of PyTorch with the same windows.
template <class D, isize In, isize Out, window_config C, bool Bias>
void name_convolution(const convolution<D, In, Out, C, 1, Bias>&, const name_table::scope& at, const std::string& ours,
                      const std::string& official) {
  constexpr bool volume = C.axes() == 3;
  at.map(ours + ".weight", official + ".weight",
         volume ? official::permuted({Out, In, C.tap(0), C.tap(1), C.tap(2)}, {0, 2, 3, 4, 1})
                : official::permuted({Out, In, C.tap(0), C.tap(1)}, {0, 2, 3, 1}));
  if (Bias) at.map(ours + ".bias", official + ".bias");
}
inline void name_factorized(const auto& layer, const name_table::scope& at, const std::string& ours,
                            const std::string& official) {
  name_convolution(layer.spatial, at, ours + ".spatial", official + "0");
  pytorch::batch_norm(at, ours + ".norm", official + "1");
  name_convolution(layer.temporal, at, ours + ".temporal", official + "3");
}
/// The norms of a block and its way around.
inline void name_block(const auto& block, const name_table::scope& at, const std::string& first,
                       const std::string& second, const std::string& around, const std::string& around_norm) {
  pytorch::batch_norm(at, "first_norm", first);
  pytorch::batch_norm(at, "second_norm", second);
  if constexpr (requires { block.shortcut.projection; }) {
    name_convolution(block.shortcut.projection, at, "shortcut.projection", around);
    pytorch::batch_norm(at, "shortcut.norm", around_norm);
  }
}
template <class... B> void for_each_block(const sequential<B...>& blocks, const auto& f) {
  [&]<std::size_t... I>(std::index_sequence<I...>) { (f(I, get<I>(blocks.layers)), ...); }(
      std::index_sequence_for<B...>{});
}
}  // namespace detail

/// The names of the authors' video checkpoints (PyTorch), which lack `fc`.
template <class D, config C, strategy S, clusters K>
name_table official_names(const network<video_encoder<D, C>, S, K>& model) {
  name_table table;
  table.optional_prefix("module.");
  const auto all = table.within("", "");
  detail::name_factorized(model.encoder.stem, all, "encoder.stem", "stem.");
  pytorch::batch_norm(all, "encoder.stem_norm", "stem.4");
  detail::for_each_block(model.encoder.blocks, [&](std::size_t n, const auto& block) {
    const std::string theirs = "layer" + std::to_string(n / 2 + 1) + "." + std::to_string(n % 2) + ".";
    const auto at = table.within("encoder.blocks." + std::to_string(n) + ".", theirs);
    detail::name_factorized(block.first, at, "first", "conv1.0.");
    detail::name_factorized(block.second, at, "second", "conv2.0.");
    detail::name_block(block, at, "conv1.1", "conv2.1", "downsample.0", "downsample.1");
  });
  pytorch::linear(all, "heads.first", "fc");
  return table;
}

/// The blob names of the audio network in "Video Model Zoo" (Caffe2), statistics as PyTorch calls them.
template <class D, config C, strategy S, clusters K>
name_table official_names(const network<audio_encoder<D, C>, S, K>& model) {
  name_table table;
  const auto all = table.within("", "");
  detail::name_convolution(model.encoder.first, all, "encoder.first", "conv1");
  detail::for_each_block(model.encoder.blocks, [&](std::size_t n, const auto& block) {
    const std::string number = std::to_string(n), part = "comp_" + number, around = "shortcut_projection_" + number;
    const auto at = table.within("encoder.blocks." + number + ".", "");
    detail::name_convolution(block.first, at, "first", part + "_conv_1");
    detail::name_convolution(block.second, at, "second", part + "_conv_2");
    detail::name_block(block, at, part + "_spatbn_1", part + "_spatbn_2", around, around + "_spatbn");
  });
  pytorch::linear(all, "heads.first", "last_out");
  return table;
}

}  // namespace multifuse::xdc
