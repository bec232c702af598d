#pragma once
#include <array>
#include <string>

#include "../tape/apply.hpp"

namespace multifuse {

/// How windows slide over one to three spatial axes: the axes before the last one (channels), in their order. `kernel` has
/// one number for each of them; unused places are 0. Unset strides and dilations are 1.
struct window_config {
  std::array<isize, 3> kernel{};
  std::array<isize, 3> stride{};
  std::array<isize, 3> padding{};  ///< zeros (or nothing, for maxima) added at both ends
  std::array<isize, 3> dilation{};

  constexpr std::size_t axes() const { return kernel[2] ? 3 : kernel[1] ? 2 : 1; }
  constexpr isize taps() const { return tap(0) * tap(1) * tap(2); }
  constexpr isize tap(std::size_t i) const { return kernel[i] ? kernel[i] : 1; }
  constexpr isize step(std::size_t i) const { return stride[i] ? stride[i] : 1; }
  constexpr isize spread(std::size_t i) const { return dilation[i] ? dilation[i] : 1; }
  /// Number of windows along axis i of an input of this extent; below 1 if none fits.
  constexpr isize places(std::size_t i, isize extent) const {
    const isize room = extent + 2 * padding[i] - spread(i) * (tap(i) - 1) - 1;
    return room < 0 ? 0 : room / step(i) + 1;
  }
};

/// The message of windows that do not fit into an axis whose extent is in the type.
template <class Where, class Axis, isize Extent, isize Windows> struct window_fits {
  static constexpr bool value = Windows > 0;
};

namespace detail {

/// Sizes of a sliding window for kernels, always with three spatial axes.
struct window_view {
  isize in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];

  MULTIFUSE_HD isize positions() const { return out[0] * out[1] * out[2]; }
  MULTIFUSE_HD isize elements() const { return in[0] * in[1] * in[2]; }
  MULTIFUSE_HD isize taps() const { return kernel[0] * kernel[1] * kernel[2]; }

  /// Where tap `tap` of the window at `position` reads: an element of one item, or -1 in the padding.
  MULTIFUSE_HD isize source(isize position, isize tap) const {
    isize place = 0, scale = 1;
    for (int a = 2; a >= 0; --a) {
      const isize at = position % out[a] * stride[a] - padding[a] + tap % kernel[a] * dilation[a];
      if (at < 0 || at >= in[a]) return -1;
      place += at * scale;
      scale *= in[a];
      position /= out[a];
      tap /= kernel[a];
    }
    return place;
  }
  /// Which window reads `element` with tap `tap`: a position of one item, or -1 if none does.
  MULTIFUSE_HD isize reader(isize element, isize tap) const {
    isize place = 0, scale = 1;
    for (int a = 2; a >= 0; --a) {
      const isize shifted = element % in[a] + padding[a] - tap % kernel[a] * dilation[a];
      if (shifted < 0 || shifted % stride[a] != 0 || shifted / stride[a] >= out[a]) return -1;
      place += shifted / stride[a] * scale;
      scale *= out[a];
      element /= in[a];
      tap /= kernel[a];
    }
    return place;
  }
};

template <class Where, window_config C, std::size_t I, class Axis> constexpr isize windows_along() {
  if constexpr (Axis::extent == dynamic) {
    return dynamic;
  } else {
    constexpr isize n = C.places(I, Axis::extent);
    static_assert(window_fits<Where, typename Axis::tag, Axis::extent, n>::value,
                  "multifuse: the kernel does not fit into this axis (read: layer, axis, extent, windows)");
    return n > 0 ? n : dynamic;
  }
}

/// The shape after windows: spatial axes shrink, channels become `Out`.
template <class Where, window_config C, isize Out, class S> struct windowed;
template <class Where, window_config C, isize Out, class... A> struct windowed<Where, C, Out, shape<A...>> {
  static constexpr std::size_t first = sizeof...(A) - 1 - C.axes();
  template <std::size_t I, class Axis> static constexpr isize extent() {
    if constexpr (I + 1 == sizeof...(A))
      return Out;
    else if constexpr (I >= first)
      return windows_along<Where, C, I - first, Axis>();
    else
      return Axis::extent;
  }
  template <std::size_t... I> static auto build(std::index_sequence<I...>) -> shape<axis<typename A::tag, extent<I, A>()>...>;
  using type = decltype(build(std::index_sequence_for<A...>{}));
};

/// The shape of windows over x; throws shape_error if the kernel does not fit.
template <class Where, window_config C, isize Out, class S> constexpr auto shape_of_windows(std::string_view where, const S& x) {
  static_assert(S::rank >= C.axes() + 2, "multifuse: windows need [batch, one to three spatial axes, channels]");
  using R = typename windowed<Where, C, Out, S>::type;
  constexpr std::size_t first = S::rank - 1 - C.axes();
  auto extents = x.extents();
  for (std::size_t i = 0; i < C.axes(); ++i) {
    extents[first + i] = C.places(i, x[first + i]);
    if (extents[first + i] < 1)
      throw shape_error(where, "the kernel does not fit into the " + std::string(S::names()[first + i]) + " axis",
                        "at least " + std::to_string(C.spread(i) * (C.tap(i) - 1) + 1 - 2 * C.padding[i]),
                        std::to_string(x[first + i]));
  }
  extents[S::rank - 1] = Out == dynamic ? x.last() : Out;
  return R::from(extents);
}

template <window_config C, class S, class R> window_view view_of_windows(const S& x, const R& y) {
  constexpr std::size_t first = S::rank - 1 - C.axes();
  window_view view{};
  for (std::size_t i = 0; i < 3; ++i) {
    const bool used = i < C.axes();
    view.in[i] = used ? x[first + i] : 1;
    view.out[i] = used ? y[first + i] : 1;
    view.kernel[i] = C.tap(i);
    view.stride[i] = C.step(i);
    view.padding[i] = C.padding[i];
    view.dilation[i] = C.spread(i);
  }
  return view;
}

}  // namespace detail

}  // namespace multifuse
