#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "axis.hpp"
#include "multifuse/core/error.hpp"
#include "svg.hpp"

namespace examples {

/// One line of a line plot: y over x with an optional band from `low` to `high` (all of one length; NaN leaves a gap).
struct series {
  std::string name;
  std::vector<double> x, y;
  std::vector<double> low = {}, high = {};
};

/// Lines over two axes, with bands and a legend. Pointing at a line dims the others.
struct line_plot {
  std::string title = {};
  axis_options x = {}, y = {};
  std::vector<series> lines = {};
  double width = 640, height = 400;

  /// @throws argument_error  when the vectors of a series differ in length, or a logarithmic axis meets a value <= 0
  std::string svg() const;
};

/// One point of a scatter plot; points of one group share color and marker, and the legend names the groups.
struct scatter_point {
  std::string label;
  std::string group;
  double x, y;
  double low = none, high = none;  ///< ends of the error bar, in units of y
};

/// Labeled points, such as accuracy over cost.
struct scatter_plot {
  std::string title = {};
  axis_options x = {}, y = {};
  std::vector<scatter_point> points = {};
  bool frontier = false;  ///< joins the points that no other point beats in both less x and more y
  double width = 640, height = 420;

  /// @throws argument_error  when a logarithmic axis meets a value <= 0
  std::string svg() const;
};

/// One group of bars: a value for every category, with optional error (half the bar's length, same unit).
struct bar_series {
  std::string name;
  std::vector<double> values;
  std::vector<double> errors = {};
};

/// Horizontal bars from zero: a row for each category, in it a bar for each series.
struct bar_plot {
  std::string title = {};
  axis_options value = {};
  std::vector<std::string> categories = {};
  std::vector<bar_series> groups = {};
  double width = 640;

  /// @throws argument_error  when a series has not one value for every category, or the axis is logarithmic
  std::string svg() const;
};

namespace detail {

inline void require_length(const char* where, const std::string& name, std::size_t expected, std::size_t got,
                           bool may_be_empty = false) {
  if (got == expected || (may_be_empty && got == 0)) return;
  throw multifuse::argument_error(where, "wrong number of values in series '" + name + "'", std::to_string(expected),
                                  std::to_string(got));
}

inline std::string error_bar(double x, double low, double high) {
  return line_element(x, low, x, high, "class=\"error\"") + line_element(x - 4, low, x + 4, low, "class=\"error\"") +
         line_element(x - 4, high, x + 4, high, "class=\"error\"");
}

/// Rectangles already taken by labels and markers.
class label_placer {
 public:
  explicit label_placer(const plot_area& area) : area_(area) {}

  void block(double x, double y, double half_width, double half_height) {
    taken_.push_back({x - half_width, y - half_height, x + half_width, y + half_height});
  }

  /// Label beside the point at the first of eight places that is free, and within the area; right of it when none is.
  std::string place(double x, double y, const std::string& text) {
    const double length = text_width(text);
    struct place {
      double dx, dy;
      const char* anchor;
    };
    static constexpr place places[] = {{10, 4, "start"}, {-10, 4, "end"},  {0, -10, "middle"}, {0, 20, "middle"},
                                       {8, -8, "start"}, {8, 16, "start"}, {-8, -8, "end"},    {-8, 16, "end"}};
    const place* chosen = places;
    double best = -1;
    for (const place& p : places) {
      const double cost = overlap(box_of(x + p.dx, y + p.dy, length, p.anchor));
      if (best < 0 || cost < best) best = cost, chosen = &p;
    }
    taken_.push_back(box_of(x + chosen->dx, y + chosen->dy, length, chosen->anchor));
    return text_element(x + chosen->dx, y + chosen->dy,
                        std::string("class=\"name halo\" text-anchor=\"") + chosen->anchor + "\"", text);
  }

 private:
  struct box {
    double left, top, right, bottom;
  };

  static box box_of(double x, double y, double length, const std::string& anchor) {
    const double left = anchor == "start" ? x : anchor == "end" ? x - length : x - length / 2;
    return {left, y - 11, left + length, y + 3};
  }

  /// Area shared with what is taken, and area outside the plot (worse: it would be cut).
  double overlap(const box& b) const {
    double total = 0;
    for (const box& t : taken_)
      total += std::max(0.0, std::min(b.right, t.right) - std::max(b.left, t.left)) *
               std::max(0.0, std::min(b.bottom, t.bottom) - std::max(b.top, t.top));
    const double outside = std::max(0.0, area_.left - b.left) + std::max(0.0, b.right - area_.right - 10) +
                           std::max(0.0, area_.top - b.top) + std::max(0.0, b.bottom - area_.bottom);
    return total + 100 * outside;
  }

  const plot_area& area_;
  std::vector<box> taken_;
};

}  // namespace detail

inline std::string line_plot::svg() const {
  value_range x_range, y_range;
  std::vector<legend_entry> entries;
  for (const series& line : lines) {
    detail::require_length("line_plot", line.name, line.x.size(), line.y.size());
    detail::require_length("line_plot", line.name, line.x.size(), line.low.size(), true);
    detail::require_length("line_plot", line.name, line.low.size(), line.high.size());
    for (const double value : line.x) x_range.include(value);
    for (const auto* values : {&line.y, &line.low, &line.high})
      for (const double value : *values) y_range.include(value);
    entries.push_back({line.name, entries.size(), true});
  }
  std::string out = open_svg(width, height, title);
  double top = title.empty() ? 24 : 48;
  if (entries.size() > 1) out += legend(entries, width, top);
  const double left = 64, right = width - 18, bottom = height - 52;
  const plot_area area{left, top, right, bottom, {x, x_range, left, right}, {y, y_range, bottom, top + 4}};
  out += area.axes(x.label, y.label);

  for (std::size_t s = 0; s < lines.size(); ++s) {
    const series& line = lines[s];
    std::string upper, lower, path, markers;
    bool pen_down = false;
    for (std::size_t i = 0; i < line.x.size(); ++i) {
      const bool visible =
          std::isfinite(line.x[i]) && std::isfinite(line.y[i]) && area.x.shows(line.x[i]) && area.y.shows(line.y[i]);
      if (visible) {
        const std::string at = pixel(area.x(line.x[i])) + " " + pixel(area.y(line.y[i]));
        path += (pen_down ? "L" : "M") + at;
        if (line.x.size() <= 24) markers += marker_element(area.x(line.x[i]), area.y(line.y[i]), s, 3.2);
      }
      pen_down = visible;
      if (!line.low.empty() && std::isfinite(line.low[i]) && std::isfinite(line.high[i]) && area.x.shows(line.x[i])) {
        const auto clamped = [&](double value) { return pixel(std::clamp(area.y(value), top + 4, bottom)); };
        upper += pixel(area.x(line.x[i])) + "," + clamped(line.high[i]) + " ";
        lower = pixel(area.x(line.x[i])) + "," + clamped(line.low[i]) + " " + lower;
      }
    }
    out += "<g class=\"series " + color_class(s) + "\"><title>" + escape_markup(line.name) + "</title>";
    if (!upper.empty()) out += "<polygon class=\"band\" points=\"" + upper + lower + "\"/>";
    out += "<path class=\"line\" d=\"" + path + "\"" + dash_attribute(s) + "/>\n" + markers + "</g>\n";
  }
  return out + "</svg>\n";
}

inline std::string scatter_plot::svg() const {
  value_range x_range, y_range;
  std::vector<legend_entry> entries;
  std::vector<std::size_t> group_of;
  for (const scatter_point& point : points) {
    x_range.include(point.x);
    for (const double value : {point.y, point.low, point.high}) y_range.include(value);
    const auto known = std::find_if(entries.begin(), entries.end(), [&](auto& e) { return e.name == point.group; });
    group_of.push_back(static_cast<std::size_t>(known - entries.begin()));
    if (known == entries.end()) entries.push_back({point.group, entries.size(), false});
  }
  std::string out = open_svg(width, height, title);
  double top = title.empty() ? 24 : 48;
  if (entries.size() > 1) out += legend(entries, width, top);
  const double left = 64, right = width - 24, bottom = height - 52;
  const plot_area area{
      left, top, right, bottom, {x, x_range, left + 12, right - 12}, {y, y_range, bottom - 6, top + 6}};
  out += area.axes(x.label, y.label);

  const auto drawn = [&](const scatter_point& p) {
    return std::isfinite(p.x) && std::isfinite(p.y) && area.x.shows(p.x) && area.y.shows(p.y);
  };
  if (frontier) {
    std::vector<scatter_point> sorted = points;
    std::stable_sort(sorted.begin(), sorted.end(), [](auto& a, auto& b) { return a.x < b.x; });
    std::string path;
    double best = -std::numeric_limits<double>::infinity();
    for (const scatter_point& p : sorted) {
      if (!drawn(p) || p.y <= best) continue;
      path += (path.empty() ? "M" : "H" + pixel(area.x(p.x)) + "L") + pixel(area.x(p.x)) + " " + pixel(area.y(p.y));
      best = p.y;
    }
    out += "<path class=\"frontier\" d=\"" + path + (path.empty() ? "M0 0" : "H" + pixel(right)) + "\"/>\n";
  }
  detail::label_placer labels(area);
  for (const scatter_point& p : points)
    if (drawn(p)) labels.block(area.x(p.x), area.y(p.y), 6, 6);
  std::string texts;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const scatter_point& p = points[i];
    if (!drawn(p)) continue;
    const double px = area.x(p.x), py = area.y(p.y);
    out += "<g class=\"series " + color_class(group_of[i]) + "\"><title>" + escape_markup(p.label) + "</title>";
    if (std::isfinite(p.low) && std::isfinite(p.high)) out += detail::error_bar(px, area.y(p.low), area.y(p.high));
    out += marker_element(px, py, group_of[i], 5.5) + "</g>\n";
    texts += labels.place(px, py, p.label);
  }
  return out + texts + "</svg>\n";
}

inline std::string bar_plot::svg() const {
  if (value.logarithmic)
    throw multifuse::argument_error("bar_plot", "bars start at zero", "a linear axis", "logarithmic");
  value_range range{0, 0};
  double label_width = 0;
  std::vector<legend_entry> entries;
  for (const std::string& name : categories) label_width = std::max(label_width, text_width(name));
  for (const bar_series& group : groups) {
    detail::require_length("bar_plot", group.name, categories.size(), group.values.size());
    detail::require_length("bar_plot", group.name, categories.size(), group.errors.size(), true);
    for (std::size_t i = 0; i < group.values.size(); ++i)
      range.include(group.values[i] + (group.errors.empty() || std::isnan(group.errors[i]) ? 0 : group.errors[i]));
    entries.push_back({group.name, entries.size(), false});
  }
  double top = title.empty() ? 24 : 48;
  const std::string names = entries.size() > 1 ? legend(entries, width, top) : "";
  const double thickness = groups.size() > 1 ? 12 : 18, gap = 12;
  const double row = thickness * double(std::max<std::size_t>(groups.size(), 1)) + gap;
  const double left = std::min(label_width + 24, 0.45 * width), right = width - 64;
  const double bottom = top + row * double(categories.size()), height = bottom + 48;
  std::string out = open_svg(width, height, title) + names;
  const axis_scale scale(value, range, left, right);
  for (const axis_tick& tick : scale.ticks()) {
    out += line_element(scale(tick.value), top, scale(tick.value), bottom, "class=\"grid\"");
    out += text_element(scale(tick.value), bottom + 18, "text-anchor=\"middle\"", tick.label);
  }
  out += text_element((left + right) / 2, bottom + 38, "text-anchor=\"middle\"", value.label);
  for (std::size_t c = 0; c < categories.size(); ++c) {
    const double y = top + row * double(c) + gap / 2;
    out += text_element(left - 10, y + (row - gap) / 2 + 4, "class=\"name\" text-anchor=\"end\"", categories[c]);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const double bar = groups[g].values[c];
      if (!std::isfinite(bar)) continue;
      const double from = std::min(scale(0), scale(bar)), length = std::abs(scale(bar) - scale(0));
      const double middle = y + thickness * (double(g) + 0.5);
      out += "<g class=\"series " + color_class(g) + "\"><title>" +
             escape_markup(categories[c] + ", " + groups[g].name + ": " + number_text(bar)) + "</title>";
      out += rectangle_element(from, middle - thickness / 2 + 0.75, length, thickness - 1.5, "class=\"bar\" rx=\"2\"");
      double end = std::max(scale(bar), scale(0));
      if (!groups[g].errors.empty() && std::isfinite(groups[g].errors[c])) {
        const double low = scale(bar - groups[g].errors[c]), high = scale(bar + groups[g].errors[c]);
        out += "<g style=\"color:var(--ink)\">" + line_element(low, middle, high, middle, "class=\"error\"") + "</g>";
        end = std::max(end, high);
      }
      out += "</g>" + text_element(end + 6, middle + 4, "", magnitude_text(bar));
    }
  }
  out += line_element(scale(0), top, scale(0), bottom, "class=\"frame\"");
  return out + "</svg>\n";
}

}  // namespace examples
