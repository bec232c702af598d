#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "multifuse/core/error.hpp"
#include "svg.hpp"

namespace examples {

/// One axis of a plot: what is written along it and which values it spans (by default those of the data).
struct axis_options {
  std::string label = {};
  bool logarithmic = false;
  double from = none, to = none;
};

/// Smallest and largest of the finite values seen.
struct value_range {
  double low = none, high = none;

  void include(double value) {
    if (!std::isfinite(value)) return;
    if (!(low <= value)) low = value;
    if (!(high >= value)) high = value;
  }
};

struct axis_tick {
  double value;
  std::string label = {};
};

/// Map from values to pixels, with round tick values.
class axis_scale {
 public:
  /// @param data         what has to fit; an empty range becomes 0 ... 1 (1 ... 10 when logarithmic)
  /// @param pixel_first  where the axis begins, pixel_last where it ends
  /// @throws argument_error  for a logarithmic axis over values that are not positive
  axis_scale(const axis_options& options, value_range data, double pixel_first, double pixel_last)
      : logarithmic_(options.logarithmic), pixel_first_(pixel_first), pixel_last_(pixel_last) {
    data.include(options.from);
    data.include(options.to);
    if (std::isnan(data.low)) data = logarithmic_ ? value_range{1, 10} : value_range{0, 1};
    if (!std::isnan(options.from)) data.low = options.from;
    if (!std::isnan(options.to)) data.high = options.to;
    if (logarithmic_ && !(data.low > 0))
      throw multifuse::argument_error("axis_scale", "logarithmic axis '" + options.label + "'", "values above 0",
                                      number_text(data.low));
    if (data.low > data.high) std::swap(data.low, data.high);
    if (logarithmic_) {
      make_logarithmic(data, options);
    } else {
      make_linear(data, options);
    }
  }

  double operator()(double value) const {
    return pixel_first_ + (transform(value) - first_) / (last_ - first_) * (pixel_last_ - pixel_first_);
  }

  /// False for what would be drawn outside.
  bool shows(double value) const {
    const double tolerance = 1e-9 * (last_ - first_);
    return (!logarithmic_ || value > 0) && transform(value) >= first_ - tolerance &&
           transform(value) <= last_ + tolerance;
  }

  const std::vector<axis_tick>& ticks() const { return ticks_; }

 private:
  double transform(double value) const { return logarithmic_ ? std::log10(value) : value; }

  void make_linear(value_range data, const axis_options& options) {
    if (data.low == data.high) {
      const double half = data.low == 0 ? 1 : 0.1 * std::abs(data.low);
      data.low -= half;
      data.high += half;
    }
    const double rough = (data.high - data.low) / (std::abs(pixel_last_ - pixel_first_) < 260 ? 4 : 6);
    const double power = std::pow(10, std::floor(std::log10(rough)));
    const double ratio = rough / power;
    const double step = (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10) * power;
    first_ = std::isnan(options.from) ? std::floor(data.low / step + 1e-9) * step : data.low;
    last_ = std::isnan(options.to) ? std::ceil(data.high / step - 1e-9) * step : data.high;
    const double start = std::ceil(first_ / step - 1e-9);
    for (double k = start; k * step <= last_ + 1e-9 * step && ticks_.size() < 50; ++k)
      ticks_.push_back({k * step, std::abs(k * step) >= 10000 ? magnitude_text(k * step) : number_text(k * step)});
  }

  void make_logarithmic(value_range data, const axis_options& options) {
    if (data.low == data.high) data = {data.low / 2, data.high * 2};
    const double low = std::log10(data.low), high = std::log10(data.high);
    const double margin = 0.04 * (high - low);
    first_ = std::isnan(options.from) ? low - margin : low;
    last_ = std::isnan(options.to) ? high + margin : high;
    // one tick a power of ten, or 1-2-5 when few powers fit, or every second, third ... power when many do
    const double decades = last_ - first_;
    const double stride = std::max(1.0, std::ceil(decades / 8));
    for (double power = std::floor(first_); power <= last_; ++power) {
      if (std::fmod(power, stride) != 0) continue;
      for (const double factor : {1.0, 2.0, 5.0}) {
        const double value = factor * std::pow(10, power);
        if ((factor == 1 || decades < 3) && shows(value)) ticks_.push_back({value, magnitude_text(value)});
      }
    }
  }

  bool logarithmic_;
  double pixel_first_, pixel_last_;
  double first_ = 0, last_ = 1;
  std::vector<axis_tick> ticks_;
};

/// Name beside a sample of color, as a legend shows it.
struct legend_entry {
  std::string name;
  std::size_t color;
  bool line;  ///< a stroke, else a marker of shape `color`
};

/// Legend in as many rows as it needs, from the given height on; returns the drawing and moves `y` below it.
inline std::string legend(const std::vector<legend_entry>& entries, double width, double& y) {
  std::string out;
  double x = 16;
  for (const legend_entry& entry : entries) {
    const double needed = 26 + text_width(entry.name) + 18;
    if (x > 16 && x + needed > width) x = 16, y += 18;
    out += "<g class=\"" + color_class(entry.color) + "\">";
    if (entry.line) out += line_element(x, y - 4, x + 20, y - 4, "class=\"line\"" + dash_attribute(entry.color));
    out += marker_element(x + 10, y - 4, entry.color, entry.line ? 3.2 : 5) + "</g>";
    out += text_element(x + 26, y, "class=\"name\"", entry.name);
    x += needed;
  }
  if (!entries.empty()) y += 18;
  return out;
}

/// Plotting area with both axes, their grid and labels.
struct plot_area {
  double left, top, right, bottom;
  axis_scale x, y;

  std::string axes(const std::string& x_label, const std::string& y_label) const {
    std::string out;
    for (const axis_tick& tick : y.ticks()) {
      out += line_element(left, y(tick.value), right, y(tick.value), "class=\"grid\"");
      out += text_element(left - 8, y(tick.value) + 4, "text-anchor=\"end\"", tick.label);
    }
    for (const axis_tick& tick : x.ticks()) {
      out += line_element(x(tick.value), top, x(tick.value), bottom, "class=\"grid\"");
      out += text_element(x(tick.value), bottom + 18, "text-anchor=\"middle\"", tick.label);
    }
    out += line_element(left, bottom, right, bottom, "class=\"frame\"");
    out += text_element((left + right) / 2, bottom + 38, "text-anchor=\"middle\"", x_label);
    // read from bottom to top, beside the tick labels
    out += "<text transform=\"translate(16 " + pixel((top + bottom) / 2) + ") rotate(-90)\" text-anchor=\"middle\">" +
           escape_markup(y_label) + "</text>\n";
    return out;
  }
};

}  // namespace examples
