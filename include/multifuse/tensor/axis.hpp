#pragma once
#include <string_view>

#include "../core/types.hpp"

namespace multifuse {

/// One axis of a shape: a tag type that names it and its extent, `dynamic` when known only at run time.
/// A user's axis is a struct with a `name`: `struct sensor_axis { static constexpr std::string_view name = "sensor";
/// };`
template <class Tag, isize Extent = dynamic> struct axis {
  static_assert(Extent == dynamic || Extent > 0, "multifuse: the extent of an axis is positive or dynamic");
  using tag = Tag;
  static constexpr isize extent = Extent;
};

struct batch_axis { static constexpr std::string_view name = "batch"; };
struct tokens_axis { static constexpr std::string_view name = "tokens"; };
struct width_axis { static constexpr std::string_view name = "width"; };
struct heads_axis { static constexpr std::string_view name = "heads"; };
struct queries_axis { static constexpr std::string_view name = "queries"; };
struct keys_axis { static constexpr std::string_view name = "keys"; };
struct windows_axis { static constexpr std::string_view name = "windows"; };
struct frames_axis { static constexpr std::string_view name = "frames"; };
struct rows_axis { static constexpr std::string_view name = "rows"; };
struct columns_axis { static constexpr std::string_view name = "columns"; };
struct channels_axis { static constexpr std::string_view name = "channels"; };
struct outputs_axis { static constexpr std::string_view name = "outputs"; };
struct inputs_axis { static constexpr std::string_view name = "inputs"; };
struct samples_axis { static constexpr std::string_view name = "samples"; };

template <isize N = dynamic> using batch = axis<batch_axis, N>;        ///< independent items
template <isize N = dynamic> using tokens = axis<tokens_axis, N>;      ///< elements of a sequence
template <isize N = dynamic> using width = axis<width_axis, N>;        ///< features of a token, classes of a logits row
template <isize N = dynamic> using heads = axis<heads_axis, N>;        ///< attention heads
template <isize N = dynamic> using queries = axis<queries_axis, N>;    ///< attending tokens
template <isize N = dynamic> using keys = axis<keys_axis, N>;          ///< attended tokens
template <isize N = dynamic> using windows = axis<windows_axis, N>;    ///< groups of tokens that attend to each other
template <isize N = dynamic> using frames = axis<frames_axis, N>;      ///< images of a video
template <isize N = dynamic> using rows = axis<rows_axis, N>;          ///< of an image; time of a spectrogram
template <isize N = dynamic> using columns = axis<columns_axis, N>;    ///< of an image; mel bins of a spectrogram
template <isize N = dynamic> using channels = axis<channels_axis, N>;  ///< of a pixel
template <isize N = dynamic> using outputs = axis<outputs_axis, N>;    ///< of a weight matrix: its rows
template <isize N = dynamic> using inputs = axis<inputs_axis, N>;      ///< of a weight matrix: its columns
template <isize N = dynamic> using samples = axis<samples_axis, N>;    ///< of a waveform or another signal

}  // namespace multifuse
