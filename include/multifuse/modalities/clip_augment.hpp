#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "augment.hpp"

// Random views of clips on the host, for self-supervised training. All frames of a clip are treated alike.
namespace multifuse {

/// Frames of pixels in memory: [frames, rows, columns, channels], values from 0 to 1.
struct clip {
  isize frames = 1, rows = 1, columns = 1, channels = 1;
  std::vector<float> pixels = {};

  isize size() const { return frames * rows * columns * channels; }
};

/// A part of all frames, in pixels; the edges may lie between pixels.
struct clip_window {
  double top = 0, left = 0, rows = 1, columns = 1;
};

/// How strongly `random_view` changes colors: factors are drawn from 1 - x ... 1 + x, the hue is turned by up to `hue`
/// of a full turn. Saturation and hue do nothing to clips that do not have three channels.
struct color_jitter {
  double brightness = 0, contrast = 0, saturation = 0, hue = 0;
};

/// What `random_view` draws. The defaults are XKD's global views.
struct random_view_options {
  isize frames = 0, rows = 112, columns = 112;  ///< of the view; 0 frames: all
  double least_area = 0.2, most_area = 1;       ///< share of a frame that is cut out
  double most_aspect = 4.0 / 3;                 ///< of the window relative to the frame's, or one over it
  double flipped = 0.5;                         ///< probability of exchanging left and right
  color_jitter jitter{0.4, 0.4, 0.4, 0.2};
  double gray = 0, blurred = 0;                 ///< probabilities
  double least_blur = 0.1, most_blur = 2;       ///< deviation in pixels
};

namespace detail {

inline void check_clip(const char* where, const clip& x) {
  if (x.frames < 1 || x.rows < 1 || x.columns < 1 || x.channels < 1 || std::ssize(x.pixels) != x.size())
    throw shape_error(where, "pixels do not fill the clip", std::to_string(x.size()), std::to_string(x.pixels.size()));
}
inline float luminance(const float* rgb) { return 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2]; }

/// The color whose hue is turned by `turn` of the circle; saturation and value stay (Smith 1978).
inline void turn_hue(float* rgb, double turn) {
  const double most = std::max({rgb[0], rgb[1], rgb[2]}), range = most - std::min({rgb[0], rgb[1], rgb[2]});
  if (range <= 0) return;
  const double sixth = most == rgb[0]   ? (rgb[1] - rgb[2]) / range
                       : most == rgb[1] ? 2 + (rgb[2] - rgb[0]) / range
                                        : 4 + (rgb[0] - rgb[1]) / range;
  const double hue = sixth / 6 + turn;
  for (int k = 0; k < 3; ++k) {
    const double place = (hue + (3 - k) / 3.0 - std::floor(hue + (3 - k) / 3.0)) * 6;  // 0 at the channel's own hue
    const double away = std::min(place, 6 - place);
    rgb[k] = float(most - range * std::clamp(away - 1, 0.0, 1.0));
  }
}

}  // namespace detail

/// A window of every frame at another size, bilinear; what lies outside repeats the edge. Throws shape_error for pixels
/// that do not fill the clip, argument_error for an empty window or result.
inline clip crop_and_resize(const clip& x, const clip_window& window, isize rows, isize columns) {
  detail::check_clip("crop_and_resize", x);
  if (!(window.rows > 0 && window.columns > 0) || rows < 1 || columns < 1)
    throw argument_error("crop_and_resize", "empty window or result", "positive extents",
                         std::to_string(window.rows) + " x " + std::to_string(window.columns));
  clip y{x.frames, rows, columns, x.channels, std::vector<float>(std::size_t(x.frames * rows * columns * x.channels))};
  const auto place = [](double from, double extent, isize i, isize count, isize last) {
    return std::clamp(from + (double(i) + 0.5) * extent / double(count) - 0.5, 0.0, double(last));
  };
  auto* to = y.pixels.data();
  for (isize f = 0; f < x.frames; ++f)
    for (isize r = 0; r < rows; ++r)
      for (isize c = 0; c < columns; ++c) {
        const double v = place(window.top, window.rows, r, rows, x.rows - 1);
        const double u = place(window.left, window.columns, c, columns, x.columns - 1);
        const isize up = isize(v), down = std::min(up + 1, x.rows - 1);
        const isize left = isize(u), right = std::min(left + 1, x.columns - 1);
        const float a = float(v - double(up)), b = float(u - double(left));
        const auto at = [&](isize row, isize column) {
          return x.pixels.data() + ((f * x.rows + row) * x.columns + column) * x.channels;
        };
        for (isize k = 0; k < x.channels; ++k)
          *to++ = (1 - a) * ((1 - b) * at(up, left)[k] + b * at(up, right)[k]) +
                  a * ((1 - b) * at(down, left)[k] + b * at(down, right)[k]);
      }
  return y;
}

/// Exchanges left and right.
inline void mirror(clip& x) {
  detail::check_clip("mirror", x);
  for (isize row = 0; row < x.frames * x.rows; ++row)
    for (isize c = 0; 2 * c < x.columns - 1; ++c) {
      float* const first = x.pixels.data() + row * x.columns * x.channels;
      std::swap_ranges(first + c * x.channels, first + (c + 1) * x.channels, first + (x.columns - 1 - c) * x.channels);
    }
}

/// Blurs frames with a Gaussian of this deviation in pixels, cut off behind three of them; the edge is repeated.
inline void blur(clip& x, double deviation) {
  detail::check_clip("blur", x);
  if (!(deviation > 0 && deviation < 1e3))
    throw argument_error("blur", "unusable deviation", "a positive number of pixels", std::to_string(deviation));
  const isize reach = isize(std::ceil(3 * deviation));
  std::vector<float> weights;
  double total = 0;
  for (isize d = -reach; d <= reach; ++d) total += std::exp(-0.5 * double(d * d) / (deviation * deviation));
  for (isize d = -reach; d <= reach; ++d)
    weights.push_back(float(std::exp(-0.5 * double(d * d) / (deviation * deviation)) / total));
  const auto along = [&](isize lines, isize count, isize stride, auto&& begin_of) {
    std::vector<float> line(std::size_t(count), 0.0f);
    for (isize l = 0; l < lines; ++l) {
      float* const from = x.pixels.data() + begin_of(l);
      for (isize i = 0; i < count; ++i) line[std::size_t(i)] = from[i * stride];
      for (isize i = 0; i < count; ++i) {
        float sum = 0;
        for (isize d = -reach; d <= reach; ++d)
          sum += weights[std::size_t(d + reach)] * line[std::size_t(std::clamp<isize>(i + d, 0, count - 1))];
        from[i * stride] = sum;
      }
    }
  };
  const isize wide = x.columns * x.channels;
  along(x.frames * wide, x.rows, wide, [&](isize l) { return l / wide * x.rows * wide + l % wide; });
  along(x.frames * x.rows * x.channels, x.columns, x.channels,
        [&](isize l) { return l / x.channels * wide + l % x.channels; });
}

/// Changes brightness, contrast (around the clip's mean luminance), saturation and hue by these factors and this part
/// of a turn, in this order; values stay within 0 ... 1.
inline void adjust_colors(clip& x, double brightness, double contrast, double saturation, double hue) {
  detail::check_clip("adjust_colors", x);
  const auto bounded = [](double v) { return float(std::clamp(v, 0.0, 1.0)); };
  for (float& v : x.pixels) v = bounded(v * brightness);
  const bool colored = x.channels == 3;
  double mean = 0;
  const auto count = x.pixels.size();
  for (std::size_t i = 0; i < count; i += colored ? 3 : 1)
    mean += colored ? detail::luminance(&x.pixels[i]) : x.pixels[i];
  mean /= double(colored ? count / 3 : count);
  for (float& v : x.pixels) v = bounded(mean + contrast * (v - mean));
  for (std::size_t i = 0; colored && i < count; i += 3) {
    float* const rgb = &x.pixels[i];
    const double light = detail::luminance(rgb);
    for (int k = 0; k < 3; ++k) rgb[k] = bounded(light + saturation * (rgb[k] - light));
    if (hue != 0) detail::turn_hue(rgb, hue);
  }
}

/// A view of a clip as self-supervised methods train with: consecutive frames from a random place, a window of random
/// area, aspect and place, mirrored or not, other colors, perhaps gray or blurred. Throws shape_error for pixels that
/// do not fill the clip, argument_error for options that cannot be met and for draws outside [0, 1).
template <uniform_draw Draw> clip random_view(const clip& x, const random_view_options& o, Draw&& draw) {
  detail::check_clip("random_view", x);
  const isize frames = o.frames > 0 ? o.frames : x.frames;
  const bool areas = 0 < o.least_area && o.least_area <= o.most_area && o.most_area <= 1;
  if (frames > x.frames || !areas || !(o.most_aspect >= 1))
    throw argument_error("random_view", "options that cannot be met",
                         "at most " + std::to_string(x.frames) + " frames, 0 < areas <= 1, an aspect of at least 1",
                         std::to_string(frames) + " frames");
  const auto between = [&](double low, double high) {
    const double u = double(draw());
    if (!(u >= 0 && u < 1)) throw argument_error("random_view", "unusable draw", "0 <= u < 1", std::to_string(u));
    return low + (high - low) * u;
  };
  const isize each = x.rows * x.columns * x.channels, first = isize(between(0, double(x.frames - frames + 1)));
  const clip part{frames, x.rows, x.columns, x.channels,
                  {x.pixels.begin() + first * each, x.pixels.begin() + (first + frames) * each}};
  const double side = std::sqrt(between(o.least_area, o.most_area));
  const double stretch = std::exp(0.5 * between(-std::log(o.most_aspect), std::log(o.most_aspect)));
  clip_window window{0, 0, std::min(1.0, side / stretch) * double(x.rows),
                     std::min(1.0, side * stretch) * double(x.columns)};
  window.top = between(0, double(x.rows) - window.rows), window.left = between(0, double(x.columns) - window.columns);
  clip y = crop_and_resize(part, window, o.rows, o.columns);
  if (between(0, 1) < o.flipped) mirror(y);
  const auto factor = [&](double strength) { return between(std::max(0.0, 1 - strength), 1 + strength); };
  const double brightness = factor(o.jitter.brightness), contrast = factor(o.jitter.contrast);
  const double saturation = between(0, 1) < o.gray ? 0 : factor(o.jitter.saturation);
  adjust_colors(y, brightness, contrast, saturation, between(-o.jitter.hue, o.jitter.hue));
  if (between(0, 1) < o.blurred) blur(y, between(o.least_blur, o.most_blur));
  return y;
}

}  // namespace multifuse
