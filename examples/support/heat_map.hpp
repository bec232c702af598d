#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "axis.hpp"
#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"
#include "svg.hpp"

namespace examples {

using multifuse::isize;

/// Small picture, [rows, columns, channels] with 1 (gray) or 3 (red, green, blue) channels.
struct picture {
  isize rows = 0, columns = 0, channels = 1;
  std::vector<std::uint8_t> pixels = {};
};

/// Bytes as text of 64 characters (RFC 4648, section 4).
inline std::string base64(std::span<const std::uint8_t> bytes) {
  static constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? alphabet[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

/// A picture as a `data:` address, to stand inside a page: a Windows bitmap of 24 bits a pixel, which needs no
/// compressor and every browser shows.
/// @throws argument_error  when the pixels do not fill the extents, or there are not 1 or 3 channels
inline std::string data_uri(const picture& image) {
  if (image.rows < 1 || image.columns < 1 || (image.channels != 1 && image.channels != 3) ||
      std::ssize(image.pixels) != image.rows * image.columns * image.channels)
    throw multifuse::argument_error("data_uri", "extents and pixels disagree", "[rows, columns, 1 or 3] values",
                                    std::to_string(image.pixels.size()) + " values for [" + std::to_string(image.rows) +
                                        ", " + std::to_string(image.columns) + ", " + std::to_string(image.channels) +
                                        "]");
  const isize stride = (3 * image.columns + 3) / 4 * 4;  // rows are padded to a multiple of four bytes
  const auto size = static_cast<std::uint32_t>(54 + stride * image.rows);
  std::vector<std::uint8_t> file;
  const auto put = [&](std::uint32_t value, int bytes) {
    for (int b = 0; b < bytes; ++b) file.push_back(static_cast<std::uint8_t>(value >> (8 * b)));
  };
  file.push_back('B'), file.push_back('M');
  put(size, 4), put(0, 4), put(54, 4);
  put(40, 4), put(static_cast<std::uint32_t>(image.columns), 4), put(static_cast<std::uint32_t>(image.rows), 4);
  put(1, 2), put(24, 2), put(0, 4), put(size - 54, 4), put(2835, 4), put(2835, 4), put(0, 4), put(0, 4);
  for (isize r = image.rows - 1; r >= 0; --r) {  // the lowest row comes first, blue before green before red
    for (isize c = 0; c < image.columns; ++c) {
      const std::uint8_t* at = image.pixels.data() + (r * image.columns + c) * image.channels;
      for (isize k = 0; k < 3; ++k) file.push_back(image.channels == 3 ? at[2 - k] : at[0]);
    }
    while ((std::ssize(file) - 54) % stride != 0) file.push_back(0);
  }
  return "data:image/bmp;base64," + base64(file);
}

/// Color of a value from 0 (night blue) through red to 1 (pale yellow); lightness rises evenly, so that the order
/// survives color blindness and gray print.
inline std::array<std::uint8_t, 3> heat_color(double value) {
  static constexpr double stops[][3] = {{11, 11, 43},   {59, 29, 119},  {140, 42, 129},
                                        {216, 69, 108}, {249, 142, 95}, {253, 231, 169}};
  const double at = 5 * std::clamp(std::isfinite(value) ? value : 0.0, 0.0, 1.0);
  const int stop = std::min(4, static_cast<int>(at));
  std::array<std::uint8_t, 3> color{};
  for (std::size_t k = 0; k < 3; ++k)
    color[k] =
        static_cast<std::uint8_t>(std::lround(stops[stop][k] + (at - stop) * (stops[stop + 1][k] - stops[stop][k])));
  return color;
}

/// A frame with weights laid over it, one for each cell of a grid.
struct weighted_frame {
  picture image = {};
  std::vector<double> weights = {};  ///< [grid_rows, grid_columns], not negative; empty for none
  isize grid_rows = 0, grid_columns = 0;
  std::string caption = {};
};

/// Frames side by side, each with its weights as cells that are the more opaque the larger the weight; one scale for
/// all.
struct frame_strip {
  std::string title = {};
  std::string scale_label = {};  ///< what a weight is, under the color bar
  std::vector<weighted_frame> frames = {};
  isize columns = 6;  ///< frames in a row
  double width = 960;

  /// @throws argument_error  when weights and grid, or pixels and extents, disagree
  std::string svg() const;
};

/// A matrix in colors, such as a spectrogram or a confusion matrix: [rows, columns], darkest at its smallest value.
struct matrix_plot {
  std::string title = {};
  axis_options x = {}, y = {};  ///< `from` and `to` label the outer edges (default: row and column numbers)
  isize rows = 0, columns = 0;
  std::vector<double> values = {};
  std::vector<std::string> row_names = {}, column_names = {};  ///< ticks, when given
  bool first_row_at_bottom = false;                            ///< as in a spectrogram
  double width = 640, height = 400;

  /// @throws argument_error  when values or names do not fill the extents
  std::string svg() const;
};

namespace detail {

inline std::string image_element(const picture& image, double x, double y, double width, double height) {
  return "<image href=\"" + data_uri(image) + "\" x=\"" + pixel(x) + "\" y=\"" + pixel(y) + "\" width=\"" +
         pixel(width) + "\" height=\"" + pixel(height) +
         "\" preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\"/>\n";
}

inline std::string color_text(std::array<std::uint8_t, 3> c) {
  return "rgb(" + std::to_string(c[0]) + "," + std::to_string(c[1]) + "," + std::to_string(c[2]) + ")";
}

/// How opaque a cell of this weight (0 ... 1) is: faint ones leave the frame visible.
inline double opacity_of(double weight) { return 0.02 + 0.68 * weight; }

/// Color bar; with `over_gray` it is mixed with gray as cells over a frame are.
inline std::string color_bar(double x, double y, double length, double low, double high, const std::string& label,
                             bool over_gray) {
  std::string out = over_gray ? rectangle_element(x, y, length, 10, "fill=\"#808080\"") : "";
  for (int step = 0; step < 64; ++step) {
    const double value = step / 63.0;
    out += rectangle_element(x + length * step / 64, y, length / 64 + 0.3, 10,
                             "fill=\"" + color_text(heat_color(value)) + "\" fill-opacity=\"" +
                                 fixed_text(over_gray ? opacity_of(value) : 1, 3) + "\"");
  }
  return out + text_element(x - 6, y + 9, "text-anchor=\"end\"", number_text(low, 3)) +
         text_element(x + length + 6, y + 9, "", number_text(high, 3) + (label.empty() ? "" : "  " + label));
}

}  // namespace detail

inline std::string frame_strip::svg() const {
  double largest = 0;
  for (const weighted_frame& f : frames) {
    if (f.weights.size() != static_cast<std::size_t>(f.grid_rows * f.grid_columns))
      throw multifuse::argument_error("frame_strip", "wrong number of weights",
                                      std::to_string(f.grid_rows) + " x " + std::to_string(f.grid_columns),
                                      std::to_string(f.weights.size()));
    for (const double w : f.weights) largest = std::isfinite(w) ? std::max(largest, w) : largest;
  }
  const isize across = std::max<isize>(1, std::min(columns, std::ssize(frames)));
  const double gap = 10, left = 14;
  const double cell = (width - 2 * left - gap * double(across - 1)) / double(across);
  double top = title.empty() ? 14 : 40;
  std::string body;
  for (std::size_t first = 0; first < frames.size(); first += std::size_t(across)) {
    double tallest = 0;
    for (std::size_t i = first; i < std::min(frames.size(), first + std::size_t(across)); ++i) {
      const weighted_frame& f = frames[i];
      const double x = left + double(i - first) * (cell + gap);
      const double height = cell * double(f.image.rows) / double(std::max<isize>(1, f.image.columns));
      body += detail::image_element(f.image, x, top, cell, height);
      for (isize r = 0; r < f.grid_rows; ++r)
        for (isize c = 0; c < f.grid_columns; ++c) {
          const double weight = f.weights[std::size_t(r * f.grid_columns + c)];
          const double relative = largest > 0 && std::isfinite(weight) ? std::clamp(weight / largest, 0.0, 1.0) : 0;
          const double w = cell / double(f.grid_columns), h = height / double(f.grid_rows);
          body += rectangle_element(x + double(c) * w, top + double(r) * h, w, h,
                                    "fill=\"" + detail::color_text(heat_color(relative)) + "\" fill-opacity=\"" +
                                        fixed_text(detail::opacity_of(relative), 3) + "\"");
        }
      body += text_element(x + cell / 2, top + height + 15, "text-anchor=\"middle\"", f.caption);
      tallest = std::max(tallest, height);
    }
    top += tallest + 28;
  }
  if (largest > 0) {
    body += detail::color_bar(left + 24, top, 180, 0, largest, scale_label, true);
    top += 22;
  }
  return open_svg(width, top, title) + body + "</svg>\n";
}

inline std::string matrix_plot::svg() const {
  const auto size = static_cast<std::size_t>(rows * columns);
  if (rows < 1 || columns < 1 || values.size() != size || (!row_names.empty() && std::ssize(row_names) != rows) ||
      (!column_names.empty() && std::ssize(column_names) != columns))
    throw multifuse::argument_error("matrix_plot", "values or names do not fill the matrix",
                                    std::to_string(rows) + " x " + std::to_string(columns),
                                    std::to_string(values.size()) + " values, " + std::to_string(row_names.size()) +
                                        " row names, " + std::to_string(column_names.size()) + " column names");
  value_range range;
  for (const double v : values) range.include(v);
  if (std::isnan(range.low)) range = {0, 1};
  const double span = range.high > range.low ? range.high - range.low : 1;
  picture image{rows, columns, 3, {}};
  for (isize r = 0; r < rows; ++r)
    for (isize c = 0; c < columns; ++c) {
      const isize row = first_row_at_bottom ? rows - 1 - r : r;
      for (const std::uint8_t k : heat_color((values[std::size_t(row * columns + c)] - range.low) / span))
        image.pixels.push_back(k);
    }
  double label_width = 30;
  for (const std::string& name : row_names) label_width = std::max(label_width, text_width(name));
  const double left = label_width + 34, right = width - 18, top = title.empty() ? 16 : 42, bottom = height - 82;
  // the scales run over the outer edges of the cells; names stand at their middles
  axis_options across = x, down = y;
  if (std::isnan(across.from)) across.from = 0, across.to = double(columns);
  if (std::isnan(down.from)) down.from = 0, down.to = double(rows);
  const plot_area area{left,
                       top,
                       right,
                       bottom,
                       {across, {}, left, right},
                       {down, {}, first_row_at_bottom ? bottom : top, first_row_at_bottom ? top : bottom}};
  std::string out =
      open_svg(width, height, title) + detail::image_element(image, left, top, right - left, bottom - top);
  const auto names = [&](const std::vector<std::string>& texts, const axis_scale& scale, bool horizontal) {
    const double cell = (horizontal ? right - left : bottom - top) / double(std::max<std::size_t>(1, texts.size()));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const double at =
          (horizontal ? left : top) +
          cell * (horizontal || !first_row_at_bottom ? double(i) + 0.5 : double(texts.size() - 1 - i) + 0.5);
      out += horizontal ? text_element(at, bottom + 18, "text-anchor=\"middle\"", texts[i])
                        : text_element(left - 8, at + 4, "text-anchor=\"end\"", texts[i]);
    }
    if (!texts.empty()) return;
    for (const axis_tick& tick : scale.ticks())
      out += horizontal ? text_element(scale(tick.value), bottom + 18, "text-anchor=\"middle\"", tick.label)
                        : text_element(left - 8, scale(tick.value) + 4, "text-anchor=\"end\"", tick.label);
  };
  names(column_names, area.x, true);
  names(row_names, area.y, false);
  out += text_element((left + right) / 2, bottom + 38, "text-anchor=\"middle\"", x.label);
  out += "<text transform=\"translate(16 " + pixel((top + bottom) / 2) + ") rotate(-90)\" text-anchor=\"middle\">" +
         escape_markup(y.label) + "</text>\n";
  out += detail::color_bar(left + 24, height - 24, 180, range.low, range.high, "", false);
  return out + "</svg>\n";
}

}  // namespace examples
