#pragma once
#include <array>
#include <string>

#include "../tape/apply.hpp"

namespace multifuse {

/// A number for each of up to three axes: `{3, 3}`. Not an array, because nvcc 13 cannot write arrays in the names of
/// kernels.
struct numbers_per_axis {
  isize first = 0, second = 0, third = 0;
  MULTIFUSE_HD constexpr isize operator[](std::size_t i) const { return i == 0 ? first : i == 1 ? second : third; }
};

/// How windows slide over one to three spatial axes: the axes before the last one (channels), in their order. `kernel`
/// has one number for each of them; unused places are 0. Unset strides and dilations are 1.
struct window_config {
  numbers_per_axis kernel{};
  numbers_per_axis stride{};
  numbers_per_axis padding{};  ///< zeros (or nothing, for pooling) added at both ends
  numbers_per_axis dilation{};

  MULTIFUSE_HD constexpr std::size_t axes() const { return kernel[2] ? 3 : kernel[1] ? 2 : 1; }
  MULTIFUSE_HD constexpr isize taps() const { return tap(0) * tap(1) * tap(2); }
  MULTIFUSE_HD constexpr isize tap(std::size_t i) const { return kernel[i] ? kernel[i] : 1; }
  MULTIFUSE_HD constexpr isize step(std::size_t i) const { return stride[i] ? stride[i] : 1; }
  MULTIFUSE_HD constexpr isize spread(std::size_t i) const { return dilation[i] ? dilation[i] : 1; }
  /// Distance between the first and the last tap along axis i.
  MULTIFUSE_HD constexpr isize reach(std::size_t i) const { return spread(i) * (tap(i) - 1); }
  /// Number of windows along axis i of an input of this extent; 0 if none fits.
  MULTIFUSE_HD constexpr isize places(std::size_t i, isize extent) const {
    const isize room = extent + 2 * padding[i] - reach(i) - 1;
    return room < 0 ? 0 : room / step(i) + 1;
  }
  /// No negative numbers, a kernel for the first axis and every later one up to the last, nothing for unused axes.
  constexpr bool valid() const {
    for (std::size_t i = 0; i < 3; ++i) {
      const bool numbers_fit = kernel[i] >= 0 && stride[i] >= 0 && padding[i] >= 0 && dilation[i] >= 0;
      const bool unused = stride[i] <= 1 && padding[i] == 0 && dilation[i] <= 1;
      if (!numbers_fit || (i < axes() ? kernel[i] == 0 : !unused)) return false;
    }
    return true;
  }
};

/// The message of a window configuration with negative numbers, a gap, or numbers for axes it does not have.
template <window_config C>
concept valid_windows = C.valid();

/// The message of windows that do not fit into an axis whose extent is in the type.
template <class Where, class Axis, isize Extent, isize Windows> struct window_fits {
  static constexpr bool value = Windows > 0;
};

namespace detail {

/// Extents of the axes that windows slide over, for kernels: always three. What C says is known to the compiler.
template <window_config C> struct window_view {
  static constexpr isize taps = C.taps();
  isize in[3], out[3];

  MULTIFUSE_HD isize positions() const { return out[0] * out[1] * out[2]; }
  MULTIFUSE_HD isize elements() const { return in[0] * in[1] * in[2]; }

  /// Number i along three axes of these extents, taken apart. No division for an axis that C does not use.
  MULTIFUSE_HD static void take_apart(isize i, const isize (&extents)[3], isize (&parts)[3]) {
    constexpr std::size_t axes = C.axes();
    parts[2] = axes > 2 ? i % extents[2] : 0;
    if (axes > 2) i /= extents[2];
    parts[1] = axes > 1 ? i % extents[1] : 0;
    parts[0] = axes > 1 ? i / extents[1] : i;
  }

  /// Calls `visit(element, tap)` for every tap of the window at `position` that does not lie in the padding.
  template <class Visit> MULTIFUSE_HD void each_source(isize position, Visit visit) const {
    constexpr isize taps_1 = C.tap(1), taps_2 = C.tap(2);
    isize at[3];
    take_apart(position, out, at);
    each_tap<0>(at[0], [&](isize element_0, isize tap_0) {
      each_tap<1>(at[1], [&](isize element_1, isize tap_1) {
        each_tap<2>(at[2], [&](isize element_2, isize tap_2) {
          visit((element_0 * in[1] + element_1) * in[2] + element_2, (tap_0 * taps_1 + tap_1) * taps_2 + tap_2);
        });
      });
    });
  }

  /// Calls `visit(position, tap)` for every window that reads `element`, with the tap that does.
  template <class Visit> MULTIFUSE_HD void each_reader(isize element, Visit visit) const {
    constexpr isize taps_1 = C.tap(1), taps_2 = C.tap(2);
    isize at[3];
    take_apart(element, in, at);
    each_window<0>(at[0], [&](isize position_0, isize tap_0) {
      each_window<1>(at[1], [&](isize position_1, isize tap_1) {
        each_window<2>(at[2], [&](isize position_2, isize tap_2) {
          visit((position_0 * out[1] + position_1) * out[2] + position_2, (tap_0 * taps_1 + tap_1) * taps_2 + tap_2);
        });
      });
    });
  }

  /// Along one axis: `visit(element, tap)` for the taps of the window at `position`.
  template <std::size_t Axis, class Visit> MULTIFUSE_HD void each_tap(isize position, Visit visit) const {
    constexpr isize taps_here = C.tap(Axis), step = C.step(Axis), padding = C.padding[Axis], spread = C.spread(Axis);
    const isize first = position * step - padding;
    for (isize tap = 0; tap < taps_here; ++tap)
      if (const isize element = first + tap * spread; element >= 0 && element < in[Axis]) visit(element, tap);
  }
  /// Along one axis: `visit(position, tap)` for the windows that read `element`.
  template <std::size_t Axis, class Visit> MULTIFUSE_HD void each_window(isize element, Visit visit) const {
    constexpr isize step = C.step(Axis), padding = C.padding[Axis], spread = C.spread(Axis), reach = C.reach(Axis);
    const isize place = element + padding, after_first = place - reach + step - 1;
    const isize last = place / step < out[Axis] ? place / step : out[Axis] - 1;
    for (isize position = after_first > 0 ? after_first / step : 0; position <= last; ++position)
      if (const isize offset = place - position * step; offset % spread == 0) visit(position, offset / spread);
  }
};

/// How many neighboring channels one call of a kernel computes. Loops over so many become vector instructions, while
/// shorter ones (up to 16) would be unrolled into scalar ones.
inline constexpr isize channel_lanes = 32;
inline constexpr isize channel_blocks(isize channels) { return (channels + channel_lanes - 1) / channel_lanes; }

/// The number of channels of a block that is not cut short, known to the compiler.
struct all_lanes {
  MULTIFUSE_HD constexpr operator isize() const { return channel_lanes; }
};

/// Calls `kernel.run(row, first channel, number of channels)` for one block of channels.
template <class Kernel> MULTIFUSE_HD void run_channels(const Kernel& kernel, isize row, isize block, isize channels) {
  const isize channel = block * channel_lanes, rest = channels - channel;
  if (rest >= channel_lanes)
    kernel.run(row, channel, all_lanes{});
  else
    kernel.run(row, channel, rest);
}

/// Place of the first spatial axis; 0 in a shape that has too few axes and is refused.
template <window_config C, class S>
inline constexpr std::size_t first_spatial = S::rank > C.axes() ? S::rank - 1 - C.axes() : 0;

/// The check of spatial axis I, for what C and the type S know.
template <class Where, window_config C, std::size_t I, class S> struct windows_along;
template <class Where, window_config C, std::size_t I, class... A> struct windows_along<Where, C, I, shape<A...>> {
  static constexpr std::size_t place = first_spatial<C, shape<A...>> + I;
  static constexpr bool known = I < C.axes() && place < sizeof...(A);
  template <std::size_t... N> static auto axis_at(std::index_sequence<N...>) {
    return joined_shape<std::conditional_t<N == (known ? place : 0), shape<A>, shape<>>...>{};
  }
  using own = last_axis_of<typename decltype(axis_at(std::index_sequence_for<A...>{}))::type>;
  static constexpr isize extent = known ? own::type::extent : dynamic;
  using fit = window_fits<Where, typename own::type::tag, extent, (extent == dynamic ? 1 : C.places(I, extent))>;
};

/// The shape after windows: spatial axes shrink, channels become `Out`.
template <window_config C, isize Out, class S> struct windowed;
template <window_config C, isize Out, class... A> struct windowed<C, Out, shape<A...>> {
  static constexpr isize extent(std::size_t i, isize old) {
    constexpr std::size_t first = first_spatial<C, shape<A...>>;
    if (i + 1 == sizeof...(A)) return Out;
    if (i < first || old == dynamic) return old;
    const isize places = C.places(i - first, old);
    return places > 0 ? places : dynamic;
  }
  template <std::size_t... I>
  static auto build(std::index_sequence<I...>) -> shape<axis<typename A::tag, extent(I, A::extent)>...>;
  using type = decltype(build(std::index_sequence_for<A...>{}));
};

/// The shape of windows over x; throws shape_error if the kernel does not fit.
template <class Where, window_config C, isize Out, class S>
constexpr auto shape_of_windows(std::string_view where, const S& x) {
  static_assert(S::rank >= C.axes() + 2, "multifuse: windows need [batch, one to three spatial axes, channels]");
  static_assert(windows_along<Where, C, 0, S>::fit::value,
                "multifuse: the kernel does not fit into this axis (read: layer, axis, extent, windows)");
  static_assert(windows_along<Where, C, 1, S>::fit::value,
                "multifuse: the kernel does not fit into this axis (read: layer, axis, extent, windows)");
  static_assert(windows_along<Where, C, 2, S>::fit::value,
                "multifuse: the kernel does not fit into this axis (read: layer, axis, extent, windows)");
  using R = typename windowed<C, Out, S>::type;
  constexpr std::size_t first = first_spatial<C, S>;
  auto extents = x.extents();
  for (std::size_t i = 0; i < C.axes(); ++i) {
    extents[first + i] = C.places(i, x[first + i]);
    if (extents[first + i] < 1)
      throw shape_error(where, "the kernel does not fit into the " + std::string(S::names()[first + i]) + " axis",
                        "at least " + std::to_string(C.reach(i) + 1 - 2 * C.padding[i]),
                        std::to_string(x[first + i]));
  }
  extents[S::rank - 1] = Out == dynamic ? x.last() : Out;
  return R::from(extents);
}

template <window_config C, class S, class R> window_view<C> view_of_windows(const S& x, const R& y) {
  constexpr std::size_t first = first_spatial<C, S>;
  window_view<C> view{};
  for (std::size_t i = 0; i < 3; ++i) {
    view.in[i] = i < C.axes() ? x[first + i] : 1;
    view.out[i] = i < C.axes() ? y[first + i] : 1;
  }
  return view;
}

}  // namespace detail

}  // namespace multifuse
