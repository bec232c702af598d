#pragma once
#include <concepts>

#include "../layers/linear.hpp"
#include "../layers/patch_embedding.hpp"
#include "tokens.hpp"

namespace multifuse {

// A modality is a type that says its name, the shape of its raw samples, and how they become tokens. A user's own is a
// policy below with a name:
//
//   struct depth : image_patches<image_config{.rows = 64, .columns = 64, .channels = 1, .patch = {1, 8, 8}}> {
//     static constexpr std::string_view name = "depth";
//   };
//
// or a struct with `name`, `raw`, `token_count` and `template <class D, isize Width> struct tokenizer` of its own.

/// Pictures, cut into patches. Raw samples [batch, rows, columns, channels].
struct image_config {
  isize rows = 224, columns = 224, channels = 3;
  patch_size patch{1, 16, 16};
  token_options options{};
};

template <image_config C> struct image_patches {
  using raw = shape<batch<>, rows<C.rows>, columns<C.columns>, channels<C.channels>>;
  static constexpr isize patches = (C.rows / C.patch.rows) * (C.columns / C.patch.columns);
  static constexpr isize token_count = patches + C.options.class_token;

  template <class D, isize Width> struct tokenizer {
    patch_embedding<D, C.patch, C.channels, Width> embedding;
    token_finish<D, Width, patches, C.options> finish;
    constexpr void members(auto&& visit) {
      visit("embedding", embedding);
      finish.members(visit);
    }
    template <value X> constexpr auto operator()(const X& x) const {
      return finish(embedding(normalized_samples<C.options>(x)));
    }
  };
};

/// Videos, cut into tubelets. Raw samples [batch, frames, rows, columns, channels].
struct video_config {
  isize frames = 32, rows = 224, columns = 224, channels = 3;
  patch_size patch{2, 16, 16};
  token_options options{};
};

template <video_config C> struct video_tubelets {
  using raw = shape<batch<>, frames<C.frames>, rows<C.rows>, columns<C.columns>, channels<C.channels>>;
  static constexpr isize patches =
      (C.frames / C.patch.frames) * (C.rows / C.patch.rows) * (C.columns / C.patch.columns);
  static constexpr isize token_count = patches + C.options.class_token;

  template <class D, isize Width> struct tokenizer {
    tubelet_embedding<D, C.patch, C.channels, Width> embedding;
    token_finish<D, Width, patches, C.options> finish;
    constexpr void members(auto&& visit) {
      visit("embedding", embedding);
      finish.members(visit);
    }
    template <value X> constexpr auto operator()(const X& x) const {
      return finish(embedding(normalized_samples<C.options>(x)));
    }
  };
};

/// Log-mel spectrograms, cut into patches of time and frequency. Raw samples [batch, rows (time), columns (bins)].
struct spectrogram_config {
  isize frames = 800, bins = 128;
  patch_size patch{1, 16, 16};  ///< rows: frames, columns: bins
  token_options options{};
};

template <spectrogram_config C> struct spectrogram_patches {
  using raw = shape<batch<>, rows<C.frames>, columns<C.bins>>;
  using image = image_patches<image_config{C.frames, C.bins, 1, C.patch, C.options}>;
  static constexpr isize token_count = image::token_count;

  template <class D, isize Width> struct tokenizer : image::template tokenizer<D, Width> {
    template <value X> constexpr auto operator()(const X& x) const {
      return image::template tokenizer<D, Width>::operator()(split<columns_axis, columns<C.bins>, channels<1>>(x));
    }
  };
};

/// Sequences of vectors: precomputed features, or signals of several channels (an inertial unit, a force sensor).
/// Raw samples [batch, tokens, width].
struct feature_config {
  isize tokens = 30, width = 1024;
  token_options options{};
};

template <feature_config C> struct feature_sequence {
  using raw = shape<batch<>, tokens<C.tokens>, width<C.width>>;
  static constexpr isize token_count = C.tokens + C.options.class_token;

  template <class D, isize Width> struct tokenizer {
    linear<D, C.width, Width> embedding;
    token_finish<D, Width, C.tokens, C.options> finish;
    constexpr void members(auto&& visit) {
      visit("embedding", embedding);
      finish.members(visit);
    }
    template <value X> constexpr auto operator()(const X& x) const {
      return finish(embedding(normalized_samples<C.options>(x)));
    }
  };
};

/// Words or pieces of words by number. Raw samples: 32-bit integers [batch, tokens].
struct word_config {
  isize vocabulary = 30522, tokens = 64;
  token_options options{};
};

template <word_config C> struct word_sequence {
  using raw = shape<batch<>, tokens<C.tokens>>;
  static constexpr isize token_count = C.tokens + C.options.class_token;

  template <class D, isize Width> struct tokenizer {
    parameter<D, axis<inputs_axis, C.vocabulary>, width<Width>> table{init::normal(0.02)};
    token_finish<D, Width, C.tokens, C.options> finish;
    constexpr void members(auto&& visit) {
      visit("table", table);
      finish.members(visit);
    }
    template <value X> constexpr auto operator()(const X& ids) const { return finish(embedding_lookup(table, ids)); }
  };
};

/// What a modality policy must say.
template <class M>
concept modality = requires {
  { M::name } -> std::convertible_to<std::string_view>;
  { M::token_count } -> std::convertible_to<isize>;
  requires is_shape<typename M::raw>;
};

/// The tokens of a modality from raw samples; refuses, at compile time, samples of another shape.
template <modality M, class D, isize Width> struct tokenizer_of : M::template tokenizer<D, Width> {
  template <value X> constexpr auto operator()(const X& x) const {
    static_assert(raw_samples_fit<M, typename M::raw, detail::shape_of_t<X>>::value,
                  "multifuse: these are not the raw samples of this modality (read: modality, expected, got)");
    if constexpr (raw_samples_fit<M, typename M::raw, detail::shape_of_t<X>>::value)
      return M::template tokenizer<D, Width>::operator()(x);
    else
      return tensor<D, shape<batch<>, tokens<M::token_count>, width<Width>>>();
  }
};

}  // namespace multifuse
