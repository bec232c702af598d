#pragma once
#include "../core/short_vector.hpp"
#include "../tensor/gathered_product.hpp"
#include "window.hpp"

/// What the products of a convolution multiply, for devices that read it where it is (`multiplies_gathered`). Numbers are
/// int: whoever makes the products sees that they fit.
namespace multifuse::detail {

/// A window configuration as numbers that unrolled loops over axes can use in kernels.
struct axis_constants {
  int taps[3], step[3], padding[3], spread[3];
};
template <window_config C> MULTIFUSE_HD constexpr axis_constants axis_constants_of() {
  axis_constants all{};
  for (std::size_t i = 0; i < 3; ++i) {
    all.taps[i] = int(C.tap(i)), all.step[i] = int(C.step(i));
    all.padding[i] = int(C.padding[i]), all.spread[i] = int(C.spread(i));
  }
  return all;
}

/// Extents of the spatial axes of an item.
template <std::size_t Axes> struct spatial_grid {
  static constexpr int axes = int(Axes);
  int extent[3];

  MULTIFUSE_HD int size() const {
    int all = extent[0];
    for (int i = 1; i < axes; ++i) all *= extent[i];
    return all;
  }
  /// What is left of `number` when places in the grid are taken from it: the number of the item.
  MULTIFUSE_HD int take_apart(int number, int (&at)[3]) const {
    MULTIFUSE_UNROLL
    for (int i = axes - 1; i >= 0; --i) {
      const unsigned whole = unsigned(number) / unsigned(extent[i]);
      at[i] = number - int(whole) * extent[i];
      number = int(whole);
    }
    return number;
  }
  MULTIFUSE_HD bool contains(const int (&at)[3]) const {
    bool inside = true;
    MULTIFUSE_UNROLL
    for (int i = 0; i < axes; ++i) inside = inside && unsigned(at[i]) < unsigned(extent[i]);
    return inside;
  }
  MULTIFUSE_HD int number_of(const int (&at)[3]) const {
    int number = at[0];
    MULTIFUSE_UNROLL
    for (int i = 1; i < axes; ++i) number = number * extent[i] + at[i];
    return number;
  }
};

/// What a convolution is about: its windows, and the channels of a group before and after it.
template <window_config C, int In, int Out, int Groups> struct convolution_extents {
  static constexpr int axes = int(C.axes()), taps = int(C.taps()), in_of_group = In, out_of_group = Out,
                       groups = Groups, in = In * Groups, out = Out * Groups, patch = taps * In;
  spatial_grid<C.axes()> elements, positions;
  int items;
};

/// Rows of `Stride` elements.
template <class T, int Stride, bool AlongDepth, bool InVectors> struct matrix_operand {
  using scalar = T;
  using line = const T*;
  using distance = isize;
  using place = int;
  static constexpr bool lines_along_depth = AlongDepth, in_vectors = InVectors;
  const T* data;

  MULTIFUSE_HD line line_at(int number) const { return data + isize(number) * Stride; }
  MULTIFUSE_HD distance distance_of(int lines) const { return isize(lines) * Stride; }
  MULTIFUSE_HD void move(line& from, distance by) const { from += by; }
  MULTIFUSE_HD place place_at(int number) const { return number; }
  MULTIFUSE_HD const T* find(line from, place at) const { return from + at; }
};

/// Patches, as they would lie unfolded: a line for each position, counted through the items.
template <class T, window_config C, class Extents, bool AlongDepth> struct patch_operand {
  using scalar = T;
  static constexpr int axes = Extents::axes, channels = Extents::in_of_group;
  static constexpr bool lines_along_depth = AlongDepth, in_vectors = channels % widest_vector<T> == 0;
  struct line {
    const T* item;
    int corner[3];  ///< where the window begins, which may lie in the padding
  };
  struct distance {
    isize elements;
    int along[3];
  };
  struct place {
    int tap[3], channel;  ///< the tap's distance from the corner
  };
  const T* data;  ///< the first channel of the group
  Extents n;

  MULTIFUSE_HD line line_at(int number) const {
    constexpr axis_constants window = axis_constants_of<C>();
    int at[3];
    line found{data + n.positions.take_apart(number, at) * item_size(), {}};
    MULTIFUSE_UNROLL
    for (int i = 0; i < axes; ++i) found.corner[i] = at[i] * window.step[i] - window.padding[i];
    return found;
  }
  MULTIFUSE_HD distance distance_of(int lines) const {
    constexpr axis_constants window = axis_constants_of<C>();
    int at[3];
    distance found{n.positions.take_apart(lines, at) * item_size(), {}};
    MULTIFUSE_UNROLL
    for (int i = 0; i < axes; ++i) found.along[i] = at[i] * window.step[i];
    return found;
  }
  /// Without a division: what goes over the end of an axis goes on in the one before it.
  MULTIFUSE_HD void move(line& from, const distance& by) const {
    constexpr axis_constants window = axis_constants_of<C>();
    bool carry = false;
    MULTIFUSE_UNROLL
    for (int i = axes - 1; i >= 0; --i) {
      const int extent = n.positions.extent[i] * window.step[i];
      from.corner[i] += by.along[i] + (carry ? window.step[i] : 0);
      carry = from.corner[i] >= extent - window.padding[i];
      if (carry) from.corner[i] -= extent;
    }
    from.item += by.elements + (carry ? item_size() : 0);
  }
  MULTIFUSE_HD place place_at(int number) const {
    constexpr axis_constants window = axis_constants_of<C>();
    place found{{}, number % channels};
    int tap = number / channels;
    MULTIFUSE_UNROLL
    for (int i = axes - 1; i >= 0; --i) {
      found.tap[i] = tap % window.taps[i] * window.spread[i];
      tap /= window.taps[i];
    }
    return found;
  }
  MULTIFUSE_HD const T* find(const line& from, const place& at) const {
    int element[3];
    MULTIFUSE_UNROLL
    for (int i = 0; i < axes; ++i) element[i] = from.corner[i] + at.tap[i];
    if (!n.elements.contains(element)) return nullptr;
    return from.item + isize(n.elements.number_of(element)) * Extents::in + at.channel;
  }

 private:
  MULTIFUSE_HD isize item_size() const { return isize(n.elements.size()) * Extents::in; }
};

/// Elements of the input to which the same taps of windows come: those whose places, counted from the start of the padding,
/// leave the same rest when they are divided by the stride. No taps but these are multiplied.
template <window_config C> struct element_phase {
  static constexpr int axes = int(C.axes());
  static constexpr int count = int(C.step(0) * C.step(1) * C.step(2));
  int rest[3]{}, taps[3]{}, first_tap[3]{};

  MULTIFUSE_HD explicit element_phase(int phase) {
    constexpr axis_constants window = axis_constants_of<C>(), turns = turns_of_taps();
    MULTIFUSE_UNROLL
    for (int i = axes - 1; i >= 0; --i) {
      rest[i] = phase % window.step[i];
      phase /= window.step[i];
      MULTIFUSE_UNROLL
      for (int tap = 0; tap < turns.taps[i]; ++tap)
        if (tap * window.spread[i] % window.step[i] == rest[i]) {
          first_tap[i] = tap;
          taps[i] = (window.taps[i] - 1 - tap) / turns.step[i] + 1;
        }
    }
  }
  MULTIFUSE_HD int all_taps() const {
    int all = taps[0];
    for (int i = 1; i < axes; ++i) all *= taps[i];
    return all;
  }
  /// Tap `number` of those of the phase, along each axis.
  MULTIFUSE_HD void find_tap(int number, int (&tap)[3]) const {
    constexpr axis_constants window = axis_constants_of<C>(), turns = turns_of_taps();
    MULTIFUSE_UNROLL
    for (int i = axes - 1; i >= 0; --i) {
      const int here = window.step[i] == 1 ? window.taps[i] : taps[i];  // known to the compiler without a stride
      tap[i] = first_tap[i] + number % here * turns.step[i];
      number /= here;
    }
  }

 private:
  /// How many taps further the same rest comes again (`step`), and how many of the first taps have different ones (`taps`).
  MULTIFUSE_HD static constexpr axis_constants turns_of_taps() {
    axis_constants turns = axis_constants_of<C>();
    for (int i = 0; i < 3; ++i) {
      int a = turns.step[i], b = turns.spread[i];
      while (b != 0) {
        const int c = a % b;
        a = b, b = c;
      }
      turns.step[i] /= a;
      if (turns.taps[i] > turns.step[i]) turns.taps[i] = turns.step[i];
    }
    return turns;
  }
};

/// For each element of a phase what was computed from it: [taps of the phase, channels of a group] of the gradient of the
/// result. Lines are elements, counted through the items in steps of the stride.
template <class T, window_config C, class Extents> struct readers_operand {
  using scalar = T;
  static constexpr int axes = Extents::axes, channels = Extents::out_of_group;
  static constexpr bool lines_along_depth = false, in_vectors = channels % widest_vector<T> == 0;
  struct line {
    const T* item;
    int position[3];  ///< whose window begins at the element, or where it would be
  };
  using distance = line;
  struct place {
    int back[3], channel;  ///< how many positions before that one
  };
  const T* data;
  Extents n;
  element_phase<C> phase;

  MULTIFUSE_HD line line_at(int number) const {
    int element[3];
    const int item = take_apart(number, element);
    constexpr axis_constants window = axis_constants_of<C>();
    line found{data + item * (isize(n.positions.size()) * Extents::out), {}};
    MULTIFUSE_UNROLL
    for (int i = 0; i < axes; ++i)
      found.position[i] = (element[i] + window.padding[i] - phase.rest[i]) / window.step[i];
    return found;
  }
  MULTIFUSE_HD distance distance_of(int) const { return {}; }  // lines are not moved
  MULTIFUSE_HD void move(line&, const distance&) const {}
  MULTIFUSE_HD place place_at(int number) const {
    constexpr axis_constants window = axis_constants_of<C>();
    place found{{}, number % channels};
    int tap[3];
    phase.find_tap(number / channels, tap);
    MULTIFUSE_UNROLL
    for (int i = 0; i < axes; ++i) found.back[i] = (tap[i] * window.spread[i] - phase.rest[i]) / window.step[i];
    return found;
  }
  MULTIFUSE_HD const T* find(const line& from, const place& at) const {
    int position[3];
    MULTIFUSE_UNROLL
    for (int i = 0; i < axes; ++i) position[i] = from.position[i] - at.back[i];
    if (!n.positions.contains(position)) return nullptr;
    return from.item + isize(n.positions.number_of(position)) * Extents::out + at.channel;
  }

  /// Elements of a phase along each axis, at most.
  MULTIFUSE_HD static spatial_grid<C.axes()> grid_of(const Extents& n) {
    constexpr axis_constants window = axis_constants_of<C>();
    spatial_grid<C.axes()> grid{};
    MULTIFUSE_UNROLL
    for (int i = 0; i < axes; ++i) grid.extent[i] = (n.elements.extent[i] + window.step[i] - 1) / window.step[i];
    return grid;
  }
  /// The element of a line, and its item; it may lie behind the end of an axis.
  MULTIFUSE_HD int take_apart(int number, int (&element)[3]) const {
    constexpr axis_constants window = axis_constants_of<C>();
    const int item = grid_of(n).take_apart(number, element);
    MULTIFUSE_UNROLL
    for (int i = 0; i < axes; ++i) {  // the first element is the first at or behind the padding with this rest
      const int first = (window.padding[i] + window.step[i] - 1 - phase.rest[i]) / window.step[i];
      element[i] = (first + element[i]) * window.step[i] + phase.rest[i] - window.padding[i];
    }
    return item;
  }
};

/// The weights that go with them: [taps of the phase, channels after], a line each, by channels before.
template <class T, window_config C, class Extents> struct turned_weight_operand {
  using scalar = T;
  using line = int;
  using distance = int;
  using place = int;
  static constexpr int channels = Extents::in_of_group;
  static constexpr bool lines_along_depth = true, in_vectors = channels % widest_vector<T> == 0;
  const T* data;
  element_phase<C> phase;

  MULTIFUSE_HD line line_at(int number) const { return number; }
  MULTIFUSE_HD distance distance_of(int lines) const { return lines; }
  MULTIFUSE_HD void move(line& from, distance by) const { from += by; }
  MULTIFUSE_HD place place_at(int number) const { return number; }
  MULTIFUSE_HD const T* find(line from, place channel) const {
    constexpr axis_constants window = axis_constants_of<C>();
    int at[3];
    phase.find_tap(from / Extents::out_of_group, at);
    int tap = at[0];
    MULTIFUSE_UNROLL
    for (int i = 1; i < Extents::axes; ++i) tap = tap * window.taps[i] + at[i];
    return data + isize(from % Extents::out_of_group) * Extents::patch + tap * channels + channel;
  }
};

/// y from x; each part is a group.
template <class T, window_config C, class Extents> struct convolution_forward_product {
  using scalar = T;
  using left = patch_operand<T, C, Extents, false>;
  using right = matrix_operand<T, Extents::patch, false, Extents::patch % widest_vector<T> == 0>;
  static constexpr int columns = Extents::out_of_group, most_rows = 1 << 30, parts = Extents::groups;
  static constexpr bool in_pairs = columns % 2 == 0, accumulate = false;
  const T *x, *weight, *bias;  // the bias may be null
  T* y;
  Extents n;
  int rows;

  MULTIFUSE_HD left left_of(int group) const { return {x + group * Extents::in_of_group, n}; }
  MULTIFUSE_HD right right_of(int group) const { return {weight + isize(group) * columns * Extents::patch}; }
  MULTIFUSE_HD int depth_of(int) const { return Extents::patch; }
  MULTIFUSE_HD T* row_of(int group, int row) const { return y + isize(row) * Extents::out + group * columns; }
  MULTIFUSE_HD const T* bias_of(int group) const { return bias ? bias + group * columns : nullptr; }
};

/// dx from dy; each part is a group and a phase.
template <class T, window_config C, class Extents> struct convolution_input_product {
  using scalar = T;
  using left = readers_operand<T, C, Extents>;
  using right = turned_weight_operand<T, C, Extents>;
  using phase = element_phase<C>;
  static constexpr int columns = Extents::in_of_group, most_rows = 1 << 30, parts = Extents::groups * phase::count;
  static constexpr bool in_pairs = columns % 2 == 0;
  const T *dy, *weight;
  T* dx;
  Extents n;
  bool accumulate;
  int rows;

  MULTIFUSE_HD left left_of(int part) const {
    return {dy + part / phase::count * Extents::out_of_group, n, phase(part % phase::count)};
  }
  MULTIFUSE_HD right right_of(int part) const {
    return {weight + isize(part / phase::count) * Extents::out_of_group * Extents::patch, phase(part % phase::count)};
  }
  MULTIFUSE_HD int depth_of(int part) const { return phase(part % phase::count).all_taps() * Extents::out_of_group; }
  MULTIFUSE_HD T* row_of(int part, int row) const {
    int element[3];
    const int item = left_of(part).take_apart(row, element);
    if (!n.elements.contains(element)) return nullptr;
    return dx + (isize(item) * n.elements.size() + n.elements.number_of(element)) * Extents::in +
           part / phase::count * columns;
  }
  MULTIFUSE_HD const T* bias_of(int) const { return nullptr; }
};

/// dweight from x and dy; each part is a group.
template <class T, window_config C, class Extents> struct convolution_weight_product {
  using scalar = T;
  using left = matrix_operand<T, Extents::out, true, Extents::out_of_group % widest_vector<T> == 0>;
  using right = patch_operand<T, C, Extents, true>;
  static constexpr int columns = Extents::patch, most_rows = Extents::out_of_group, parts = Extents::groups;
  static constexpr int rows = most_rows;
  static constexpr bool in_pairs = columns % 2 == 0;
  const T *x, *dy;
  T* dweight;
  Extents n;
  bool accumulate;
  int depth;

  MULTIFUSE_HD left left_of(int group) const { return {dy + group * Extents::out_of_group}; }
  MULTIFUSE_HD right right_of(int group) const { return {x + group * Extents::in_of_group, n}; }
  MULTIFUSE_HD int depth_of(int) const { return depth; }
  MULTIFUSE_HD T* row_of(int group, int row) const { return dweight + (isize(group) * rows + row) * Extents::patch; }
  MULTIFUSE_HD const T* bias_of(int) const { return nullptr; }
};

}  // namespace multifuse::detail
