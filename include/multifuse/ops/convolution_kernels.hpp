#pragma once
#include "window.hpp"

/// The kernels of convolution. A patch is what one window reads, as [groups, taps, channels of a group]; positions
/// and elements are counted through all items.
namespace multifuse::detail {

/// Part of the patch of one position, copied: the taps along the last spatial axis, for one group and one combination
/// of the other taps. Zeros where the window lies in the padding.
template <class T, window_config C> struct gather_patches_kernel {
  const T* x;
  T* patches;
  window_view<C> view;
  isize first, channels, channels_of_group;

  static constexpr std::size_t last_axis = C.axes() - 1;
  static constexpr isize run_taps = C.tap(last_axis), runs = C.taps() / run_taps, step = C.step(last_axis),
                         padding = C.padding[last_axis], spread = C.spread(last_axis);

  MULTIFUSE_HD void operator()(isize row, isize group_and_run) const {
    const isize position = (first + row) % view.positions(), item = (first + row) / view.positions();
    const isize group = group_and_run / runs, run = group_and_run % runs;
    T* const to = patches + row * C.taps() * channels + group_and_run * run_taps * channels_of_group;
    isize at[3];
    view.take_apart(position, view.out, at);
    const isize line = line_of(at, run), begin = at[last_axis] * step - padding, end = view.in[last_axis];
    if (line < 0) {
      for (isize i = 0; i < run_taps * channels_of_group; ++i) to[i] = T(0);
      return;
    }
    const T* const from = x + (item * view.elements() + line) * channels + group * channels_of_group;
    if (spread == 1 && channels_of_group == channels) {  // what lies inside follows in memory
      const isize left = begin < 0 ? -begin : 0, inside = begin + run_taps < end ? run_taps : end - begin;
      const isize start = (left < run_taps ? left : run_taps) * channels;
      const isize stop = (inside * channels > start ? inside * channels : start);
      for (isize i = 0; i < start; ++i) to[i] = T(0);
      for (isize i = start; i < stop; ++i) to[i] = from[begin * channels + i];
      for (isize i = stop; i < run_taps * channels; ++i) to[i] = T(0);
      return;
    }
    for (isize tap = 0; tap < run_taps; ++tap) {
      const isize element = begin + tap * spread;
      const bool inside = element >= 0 && element < end;
      for (isize c = 0; c < channels_of_group; ++c)
        to[tap * channels_of_group + c] = inside ? from[element * channels + c] : T(0);
    }
  }

  /// The first element of the line along the last axis that this run reads; -1 in the padding.
  MULTIFUSE_HD isize line_of(const isize (&at)[3], isize run) const {
    if constexpr (C.axes() == 1) {
      return 0;
    } else {
      constexpr isize inner_runs = C.axes() == 3 ? C.tap(1) : 1;
      constexpr isize step_0 = C.step(0), padding_0 = C.padding[0], spread_0 = C.spread(0);
      const isize element_0 = at[0] * step_0 - padding_0 + run / inner_runs * spread_0;
      if (element_0 < 0 || element_0 >= view.in[0]) return -1;
      if constexpr (C.axes() == 2) {
        return element_0 * view.in[1];
      } else {
        constexpr isize step_1 = C.step(1), padding_1 = C.padding[1], spread_1 = C.spread(1);
        const isize element_1 = at[1] * step_1 - padding_1 + run % inner_runs * spread_1;
        if (element_1 < 0 || element_1 >= view.in[1]) return -1;
        return (element_0 * view.in[1] + element_1) * view.in[2];
      }
    }
  }
};

/// Adds to the gradient of one element what the patches of a block of positions hold for it.
template <class T, window_config C> struct collect_patches_kernel {
  const T* patches;
  T* dx;
  window_view<C> view;
  isize first_element, first, count;  // the block: positions first ... first + count - 1
  isize channels, channels_of_group;

  MULTIFUSE_HD void operator()(isize row, isize block) const { run_channels(*this, row, block, channels_of_group); }
  template <class Count> MULTIFUSE_HD void run(isize row, isize channel, Count lanes) const {
    const isize groups = channels / channels_of_group, patch = C.taps() * channels;
    const isize element = first_element + row / groups, group = row % groups, item = element / view.elements();
    const T* const from = patches + group * C.taps() * channels_of_group + channel;
    compute_type<T> sums[channel_lanes];
    for (isize i = 0; i < lanes; ++i) sums[i] = 0;
    view.each_reader(element % view.elements(), [&](isize position, isize tap) {
      const isize place = item * view.positions() + position - first;
      if (place < 0 || place >= count) return;
      const T* const terms = from + place * patch + tap * channels_of_group;
      for (isize i = 0; i < lanes; ++i) sums[i] += terms[i];
    });
    T* const to = dx + element * channels + group * channels_of_group + channel;
    for (isize i = 0; i < lanes; ++i) to[i] = to[i] + sums[i];
  }
};

/// Each channel by itself, weights as [taps, channels]. Forward: y from x at one position. Backward: dx from dy at one
/// element; `from` is dy then.
template <class T, window_config C, bool Backward> struct depthwise_kernel {
  const T *from, *weight;
  const T* bias;  // may be null
  T* to;
  window_view<C> view;
  isize channels;
  bool accumulate;

  MULTIFUSE_HD void operator()(isize row, isize block) const { run_channels(*this, row, block, channels); }
  template <class Count> MULTIFUSE_HD void run(isize row, isize channel, Count lanes) const {
    const isize own = Backward ? view.elements() : view.positions();
    const isize other = Backward ? view.positions() : view.elements();
    const T* const item = from + row / own * other * channels + channel;
    const T* const w = weight + channel;
    T* const result = to + row * channels + channel;
    compute_type<T> sums[channel_lanes];
    for (isize i = 0; i < lanes; ++i) sums[i] = bias ? bias[channel + i] : T(0);
    const auto add = [&](isize place, isize tap) {
      for (isize i = 0; i < lanes; ++i) sums[i] += w[tap * channels + i] * item[place * channels + i];
    };
    if constexpr (Backward)
      view.each_reader(row % own, add);
    else
      view.each_source(row % own, add);
    if (accumulate)
      for (isize i = 0; i < lanes; ++i) sums[i] += result[i];
    for (isize i = 0; i < lanes; ++i) result[i] = sums[i];
  }
};

/// The gradient of one tap's weights from one item; row = (item, tap).
template <class T, window_config C> struct depthwise_weight_kernel {
  const T *x, *dy;
  T* sums;  // [items, taps, channels]
  window_view<C> view;
  isize channels;

  MULTIFUSE_HD void operator()(isize row, isize block) const { run_channels(*this, row, block, channels); }
  template <class Count> MULTIFUSE_HD void run(isize row, isize channel, Count lanes) const {
    constexpr isize taps_1 = C.tap(1), taps_2 = C.tap(2);
    const isize item = row / C.taps(), tap = row % C.taps();
    const T* const from = x + item * view.elements() * channels + channel;
    const T* const gradient = dy + item * view.positions() * channels + channel;
    compute_type<T> total[channel_lanes];
    for (isize i = 0; i < lanes; ++i) total[i] = 0;
    each_position<0>(tap / taps_2 / taps_1, [&](isize position_0, isize element_0) {
      each_position<1>(tap / taps_2 % taps_1, [&](isize position_1, isize element_1) {
        each_position<2>(tap % taps_2, [&](isize position_2, isize element_2) {
          const T* const d = gradient + ((position_0 * view.out[1] + position_1) * view.out[2] + position_2) * channels;
          const T* const e = from + ((element_0 * view.in[1] + element_1) * view.in[2] + element_2) * channels;
          for (isize i = 0; i < lanes; ++i) total[i] += d[i] * e[i];
        });
      });
    });
    for (isize i = 0; i < lanes; ++i) sums[row * channels + channel + i] = total[i];
  }

  /// Along one axis: `visit(position, element)` for all windows whose tap lies inside.
  template <std::size_t Axis, class Visit> MULTIFUSE_HD void each_position(isize tap, Visit visit) const {
    constexpr isize step = C.step(Axis), padding = C.padding[Axis], spread = C.spread(Axis);
    const isize start = tap * spread - padding;
    for (isize position = 0; position < view.out[Axis]; ++position)
      if (const isize element = start + position * step; element >= 0 && element < view.in[Axis])
        visit(position, element);
  }
};

/// Weights of a depthwise convolution as [taps, channels] from [channels, taps], or back.
template <class T> struct turn_weight_kernel {
  const T* from;
  T* to;
  isize taps, channels;
  bool back, accumulate;

  MULTIFUSE_HD void operator()(isize tap, isize channel) const {
    const isize by_tap = tap * channels + channel, by_channel = channel * taps + tap;
    if (!back)
      to[by_tap] = from[by_channel];
    else
      to[by_channel] = accumulate ? to[by_channel] + from[by_tap] : from[by_tap];
  }
};

}  // namespace multifuse::detail
