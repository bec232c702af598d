#pragma once
#include <cmath>

#include "support/golden.hpp"

namespace golden {

/// Compares log-mel energies, (log e - mean) / deviation, with a tensor [frames, bins] of the file. The file's float32 FFT
/// leaves in each bin an error that comes from the whole frame: relative to the bin's energy it grows with c =
/// sqrt(energy of the frame / energy of the bin), and log e carries it as an absolute error of a small multiple of
/// 2^-24 c. Most bins have c near 10 and agree to 1e-5; quiet bins of loud frames are allowed that share more.
inline void expect_log_mel(file& golden, std::string_view name, const std::vector<float>& ours, isize bins, double mean,
                           double deviation) {
  const auto theirs = golden.values(name);
  REQUIRE(ours.size() == theirs.size());
  REQUIRE(isize(theirs.size()) % bins == 0);
  const double rounding = 128 * 0x1p-24, scale = largest(theirs);
  std::size_t within = 0;
  for (std::size_t frame = 0; frame < theirs.size(); frame += std::size_t(bins)) {
    double energy = 0;
    for (std::size_t b = 0; b < std::size_t(bins); ++b) energy += std::exp(theirs[frame + b] * deviation + mean);
    for (std::size_t b = 0; b < std::size_t(bins); ++b) {
      const double own = std::exp(theirs[frame + b] * deviation + mean);
      const double off = std::abs(double(ours[frame + b]) - double(theirs[frame + b]));
      INFO(std::string(name) << ", frame " << frame / std::size_t(bins) << ", bin " << b);
      CHECK(off <= output_tolerance * scale + rounding * std::sqrt(energy / own) / deviation);
      within += off <= output_tolerance * scale;
    }
  }
  CHECK(within >= theirs.size() * 99 / 100);  // the allowance is for the exceptions
}

}  // namespace golden
