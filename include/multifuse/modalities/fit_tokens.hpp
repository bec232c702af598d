#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "feature_rows.hpp"

/// Feature sequences of another length, row-major [rows, width]: what a model that takes so many tokens is given for
/// longer sounds and videos.
namespace multifuse {

/// What a row of a resampled sequence is made of: the nearest row at or before its place, or the largest or mean
/// elements of the rows that it covers.
enum class row_resampling { nearest, largest, mean };

namespace detail {
inline isize whole_rows(std::string_view where, std::span<const float> values, isize width, isize rows) {
  if (width < 1 || rows < 1 || values.empty() || std::ssize(values) % width != 0)
    throw argument_error(where, "no whole rows, or none wanted",
                         "a multiple of " + std::to_string(width) + ", rows >= 1",
                         std::to_string(values.size()) + " values, " + std::to_string(rows) + " rows");
  return std::ssize(values) / width;
}

/// The largest elements, or the means, of rows begin ... end - 1, at the end of `to`.
inline void reduce_rows(std::span<const float> values, isize width, isize begin, isize end, bool mean,
                        std::vector<float>& to) {
  for (isize c = 0; c < width; ++c) {
    float largest = values[std::size_t(begin * width + c)];
    double sum = 0;
    for (isize r = begin; r < end; ++r) {
      const float one = values[std::size_t(r * width + c)];
      largest = std::max(largest, one);
      sum += one;
    }
    to.push_back(mean ? float(sum / double(end - begin)) : largest);
  }
}
}  // namespace detail

/// The sequence with `rows` rows, more or fewer than it has. Row i of n made from m covers rows floor(i m / n) ...
/// ceil((i + 1) m / n) - 1 (adaptive pooling); the nearest is the first of them, with the place rounded as PyTorch's
/// `interpolate` does, in single precision. Throws argument_error for values that are not whole rows, or no rows.
inline std::vector<float> resample_rows(std::span<const float> values, isize width, isize rows, row_resampling how) {
  const isize given = detail::whole_rows("resample_rows", values, width, rows);
  std::vector<float> made;
  const float step = float(given) / float(rows);
  for (isize i = 0; i < rows; ++i) {
    if (how == row_resampling::nearest) {
      const isize from = std::min(isize(std::floor(float(i) * step)), given - 1);
      const auto row = values.subspan(std::size_t(from * width), std::size_t(width));
      made.insert(made.end(), row.begin(), row.end());
    } else {
      detail::reduce_rows(values, width, i * given / rows, ((i + 1) * given + rows - 1) / rows,
                          how == row_resampling::mean, made);
    }
  }
  return made;
}

/// The largest elements of each `window` neighboring rows; what is left over at the end is dropped. Throws as
/// `resample_rows`, and for fewer rows than a window.
inline std::vector<float> largest_of_windows(std::span<const float> values, isize width, isize window) {
  const isize given = detail::whole_rows("largest_of_windows", values, width, window);
  if (given < window)
    throw argument_error("largest_of_windows", "fewer rows than a window", "at least " + std::to_string(window),
                         std::to_string(given));
  std::vector<float> made;
  for (isize i = 0; i < given / window; ++i)
    detail::reduce_rows(values, width, i * window, (i + 1) * window, false, made);
  return made;
}

/// How a sequence of more rows than wanted is fitted: cut off at the end, resampled, or the largest elements of as many
/// whole windows as possible and of those the nearest.
enum class token_fitting { clip, nearest, largest, mean, windows };

/// So many tokens, and which of them are no padding.
struct fitted_tokens {
  std::vector<float> values;  ///< [count, width]
  std::vector<float> kept;    ///< [count], 1 or 0
};

/// The first `valid` rows of a sequence as `count` tokens. Where these are no more than wanted, or to be clipped, rows
/// stay as they are, padding included, and zeros follow. Throws argument_error for values that are not whole rows, for
/// count < 1 and for more valid rows than there are.
inline fitted_tokens fit_tokens(std::span<const float> values, isize width, isize valid, isize count,
                                token_fitting how) {
  const isize given = detail::whole_rows("fit_tokens", values, width, count);
  if (valid < 0 || valid > given)
    throw argument_error("fit_tokens", "wrong number of valid rows", "0 to " + std::to_string(given),
                         std::to_string(valid));
  fitted_tokens made{{}, std::vector<float>(std::size_t(count), 0.0f)};
  std::fill_n(made.kept.begin(), std::min(valid, count), 1.0f);
  const auto used = values.first(std::size_t(valid * width));
  if (valid <= count || how == token_fitting::clip)
    made.values = fit_rows(values, width, count);
  else if (how == token_fitting::windows)
    made.values = resample_rows(largest_of_windows(used, width, valid / count), width, count, row_resampling::nearest);
  else
    made.values = resample_rows(used, width, count,
                                how == token_fitting::largest ? row_resampling::largest
                                : how == token_fitting::mean  ? row_resampling::mean
                                                              : row_resampling::nearest);
  return made;
}

/// One kind of features of a video, at a rate of its own.
struct timed_features {
  std::vector<float> values;  ///< [rows, width]; may be empty
  isize width;
  isize rows() const { return std::ssize(values) / width; }
};

/// Several kinds of features as `count` tokens, side by side: each is brought to the length of the last one or, where
/// that is fitted, to `count`, and its rows to length 1. Windows of a kind that is too short for them are not taken;
/// then all are resampled to the nearest. All padding if a kind has no rows. Throws argument_error for no kinds, as
/// `resample_rows`, and for fittings by `largest` and `mean`.
inline fitted_tokens fit_features(std::vector<timed_features> kinds, isize count, token_fitting how) {
  if (kinds.empty() || how == token_fitting::largest || how == token_fitting::mean)
    throw argument_error("fit_features", "no features, or a fitting without places", "clip, nearest or windows", "");
  isize width = 0;
  bool windows = true, complete = true;
  for (const auto& kind : kinds) {
    complete = complete && !kind.values.empty();
    if (complete) detail::whole_rows("fit_features", kind.values, kind.width, count);
    windows = windows && kind.rows() / count > 1;
    width += kind.width;
  }
  if (!complete)
    return {std::vector<float>(std::size_t(count * width), 0.0f), std::vector<float>(std::size_t(count), 0.0f)};
  if (how == token_fitting::windows) {
    for (auto& kind : kinds)
      if (windows) kind.values = largest_of_windows(kind.values, kind.width, kind.rows() / count);
    return fit_features(std::move(kinds), count, token_fitting::nearest);
  }
  const isize length = kinds.back().rows(), target = how == token_fitting::clip ? length : std::min(length, count);
  for (auto& kind : kinds) {
    kind.values = resample_rows(kind.values, kind.width, target, row_resampling::nearest);
    normalize_rows(kind.values, kind.width);
  }
  std::vector<float> joined;
  for (isize row = 0; row < target; ++row)
    for (const auto& kind : kinds)
      joined.insert(joined.end(), kind.values.begin() + row * kind.width, kind.values.begin() + (row + 1) * kind.width);
  return fit_tokens(joined, width, target, count, token_fitting::clip);
}

}  // namespace multifuse
