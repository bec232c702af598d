#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "multifuse/core/error.hpp"

/// What the programs under examples/ and benchmarks/ share and a user of the library does not need.
namespace examples {

/// "Not given" in the options and data of plots.
inline constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// Text made safe for the inside of an element or of a quoted attribute.
inline std::string escape_markup(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '&')
      safe += "&amp;";
    else if (c == '<')
      safe += "&lt;";
    else if (c == '>')
      safe += "&gt;";
    else if (c == '"')
      safe += "&quot;";
    else
      safe += c;
  }
  return safe;
}

/// A number with at most so many significant digits and no trailing zeros: 0.25, 1e-05, 1200.
inline std::string number_text(double value, int digits = 4) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*g", digits, value == 0 ? 0.0 : value);
  return text;
}

/// A number with a fixed count of decimals: 93.10.
inline std::string fixed_text(double value, int decimals) {
  char text[400];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

/// A magnitude with its suffix: 1.5k, 20M, 4G, 1.2T; small and ordinary numbers as number_text.
inline std::string magnitude_text(double value, int digits = 3) {
  static constexpr const char* suffixes[] = {"", "k", "M", "G", "T", "P"};
  int step = 0;
  // 999.95 and more would be rounded up to the next suffix by three digits
  while (std::abs(value) >= 999.95 && step < 5) value /= 1000, ++step;
  return number_text(value, digits) + suffixes[step];
}

/// Pixel coordinate with one decimal.
inline std::string pixel(double value) { return fixed_text(value, 1); }

/// One element of a drawing: `attributes` is written as it is, `text` is escaped.
inline std::string text_element(double x, double y, std::string_view attributes, std::string_view text) {
  return "<text x=\"" + pixel(x) + "\" y=\"" + pixel(y) + "\" " + std::string(attributes) + ">" + escape_markup(text) +
         "</text>\n";
}

inline std::string line_element(double x1, double y1, double x2, double y2, std::string_view attributes) {
  return "<line x1=\"" + pixel(x1) + "\" y1=\"" + pixel(y1) + "\" x2=\"" + pixel(x2) + "\" y2=\"" + pixel(y2) + "\" " +
         std::string(attributes) + "/>\n";
}

inline std::string rectangle_element(double x, double y, double width, double height, std::string_view attributes) {
  return "<rect x=\"" + pixel(x) + "\" y=\"" + pixel(y) + "\" width=\"" + pixel(width) + "\" height=\"" +
         pixel(height) + "\" " + std::string(attributes) + "/>\n";
}

/// Marker number `shape` (circle, square, diamond, triangle, ... in turn) filled with the current color.
inline std::string marker_element(double x, double y, std::size_t shape, double radius) {
  const auto polygon = [&](std::initializer_list<double> corners) {
    std::string points;
    for (auto c = corners.begin(); c != corners.end(); c += 2)
      points += pixel(x + c[0] * radius) + "," + pixel(y + c[1] * radius) + " ";
    return "<polygon class=\"marker\" points=\"" + points + "\"/>\n";
  };
  switch (shape % 6) {
    case 0:
      return "<circle class=\"marker\" cx=\"" + pixel(x) + "\" cy=\"" + pixel(y) + "\" r=\"" + pixel(radius) + "\"/>\n";
    case 1:
      return polygon({-0.9, -0.9, 0.9, -0.9, 0.9, 0.9, -0.9, 0.9});
    case 2:
      return polygon({0, -1.25, 1.25, 0, 0, 1.25, -1.25, 0});
    case 3:
      return polygon({0, -1.2, 1.15, 0.85, -1.15, 0.85});
    case 4:
      return polygon({0, 1.2, 1.15, -0.85, -1.15, -0.85});
    default:
      return polygon({-1.2, 0, -0.6, -1.05, 0.6, -1.05, 1.2, 0, 0.6, 1.05, -0.6, 1.05});
  }
}

/// Estimate of the width in pixels of text at the font size of labels (12 px).
inline double text_width(std::string_view text) {
  double width = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) == 0x80) continue;  // the rest of a character of several bytes
    const bool narrow = std::string_view(" ijltfr.,:;|'()[]").find(c) != std::string_view::npos;
    width += narrow ? 4.0 : (c >= 'A' && c <= 'Z') || c == 'm' || c == 'w' ? 8.6 : 6.7;
  }
  return width;
}

/// How many colors a page has; series beyond them start again with the first, in another marker and dash.
inline constexpr std::size_t color_count = 8;

/// Class name of the color of series `i`.
inline std::string color_class(std::size_t i) { return "c" + std::to_string(i % color_count + 1); }

/// Dash pattern of the line of series `i`: solid for the first colors, then dashed, then dotted.
inline std::string dash_attribute(std::size_t i) {
  static constexpr const char* patterns[] = {"", " stroke-dasharray=\"7 4\"", " stroke-dasharray=\"2 3\""};
  return patterns[(i / color_count) % 3];
}

/// Opens a drawing that scales with its column. `title` may be empty; it stands at the top left and is what a screen
/// reader says.
inline std::string open_svg(double width, double height, std::string_view title) {
  std::string out = "<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + pixel(width) + " " +
                    pixel(height) + "\" role=\"img\" aria-label=\"" + escape_markup(title) + "\">\n";
  if (!title.empty()) out += text_element(14, 24, "class=\"title\"", title);
  return out;
}

/// Style of the drawings: colors for both schemes (after Okabe and Ito, 2008, adjusted for contrast on white and on
/// dark gray), with the dark one chosen by the reader's system.
inline std::string svg_style() {
  return R"(:root{--page:#f5f6f8;--surface:#fff;--ink:#1b1f27;--muted:#5c6573;--faint:#e4e7ec;
--rule:#c3c9d3;--accent:#0b67a8;
--c1:#0b67a8;--c2:#c4500a;--c3:#00875f;--c4:#b0487f;--c5:#b07c00;--c6:#2f9fdc;--c7:#6a51b8;--c8:#69717d}
@media (prefers-color-scheme:dark){:root{--page:#0f1217;--surface:#181c23;--ink:#e9ecf1;--muted:#9aa4b2;--faint:#2a303a;
--rule:#4a5362;--accent:#5cb1f0;--c1:#4ba3e8;--c2:#f08a4b;--c3:#35c795;--c4:#e38cbd;
--c5:#e8b944;--c6:#8fd0f7;--c7:#a996ec;--c8:#a7afba}}
svg.plot{display:block;width:100%;height:auto;
font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;
font-variant-numeric:tabular-nums}
svg.plot text{fill:var(--muted)}svg.plot text.title{fill:var(--ink);font-size:14px;font-weight:600}
svg.plot text.name{fill:var(--ink)}
svg.plot text.halo{paint-order:stroke;stroke:var(--surface);stroke-width:4px;stroke-linejoin:round}
svg.plot .grid{stroke:var(--faint)}svg.plot .frame{stroke:var(--rule)}
svg.plot .series{transition:opacity .15s}svg.plot:has(.series:hover) .series:not(:hover){opacity:.2}
svg.plot .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
svg.plot .band{fill:currentColor;opacity:.16}svg.plot .error{stroke:currentColor;stroke-width:1.4;fill:none}
svg.plot .marker{fill:currentColor;stroke:var(--surface);stroke-width:1.2}svg.plot .bar{fill:currentColor}
svg.plot .frontier{fill:none;stroke:var(--rule);stroke-width:1.5;stroke-dasharray:3 4}
.c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}.c4{color:var(--c4)}
.c5{color:var(--c5)}.c6{color:var(--c6)}.c7{color:var(--c7)}.c8{color:var(--c8)}
)";
}

/// A drawing as a file of its own, with style and background.
inline std::string standalone_svg(std::string svg) {
  const std::size_t end = svg.find('>');
  if (end == std::string::npos) throw multifuse::argument_error("standalone_svg", "not a drawing", "<svg ...>", svg);
  return svg.insert(end + 1, "<style>" + svg_style() + "svg{background:var(--surface)}</style>");
}

}  // namespace examples
