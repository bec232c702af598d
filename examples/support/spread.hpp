#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "svg.hpp"

namespace examples {

/// What several seeds gave: mean, and standard deviation of the sample (0 for one).
struct spread {
  double mean = 0, deviation = 0;

  explicit spread(const std::vector<double>& values) {
    for (const double v : values) mean += v / double(values.size());
    for (const double v : values) deviation += (v - mean) * (v - mean) / std::max(1.0, double(values.size()) - 1);
    deviation = std::sqrt(deviation);
  }

  /// "94.7 ± 0.6", both times `unit`.
  std::string text(int decimals = 1, double unit = 1) const {
    return fixed_text(unit * mean, decimals) + " \u00b1 " + fixed_text(unit * deviation, decimals);
  }
};

}  // namespace examples
