#pragma once
#include <algorithm>
#include <complex>
#include <span>
#include <string>
#include <vector>

#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"

#if defined(__CUDACC__) && !defined(EIGEN_NO_CUDA)
#define EIGEN_NO_CUDA  // Eigen stays host code when a CUDA compiler reads it
#endif
#include <unsupported/Eigen/FFT>

namespace multifuse {

/// Power spectrum of real signals of one length: |sum_t x[t] exp(-2 pi i k t / points)|^2 for k = 0 ... points / 2.
/// The transform runs in double precision, so that quiet bins beside loud ones keep their digits. It holds its plan and
/// its work space: one object serves one thread at a time.
class power_spectrum {
 public:
  /// @param points  length of the transform, 2 ... 2^24; powers of two are fastest
  /// @throws argument_error  for any other length
  explicit power_spectrum(isize points) : points_(points) {
    if (points < 2 || points > isize{1} << 24)
      throw argument_error("power_spectrum", "unusable length", "2 ... 16777216 points", std::to_string(points));
    signal_.resize(static_cast<std::size_t>(points));
    spectrum_.resize(static_cast<std::size_t>(bins()));
    plan_.SetFlag(plan_.HalfSpectrum);
  }

  /// Length of the transform.
  isize points() const { return points_; }

  /// Number of values of a spectrum, from zero frequency to half the sample rate: points / 2 + 1.
  isize bins() const { return points_ / 2 + 1; }

  /// Writes the power spectrum of one signal.
  /// @param signal  at most `points` samples; zeros follow the last one
  /// @param power   [bins]
  /// @throws shape_error  when a span has another size
  void operator()(std::span<const float> signal, std::span<double> power) {
    if (std::ssize(signal) > points_)
      throw shape_error("power_spectrum", "too many samples", "at most " + std::to_string(points_),
                        std::to_string(signal.size()));
    if (std::ssize(power) != bins())
      throw shape_error("power_spectrum", "wrong number of bins", std::to_string(bins()), std::to_string(power.size()));
    const auto end = std::copy(signal.begin(), signal.end(), signal_.begin());
    std::fill(end, signal_.end(), 0.0);
    plan_.fwd(spectrum_.data(), signal_.data(), points_);
    for (std::size_t k = 0; k < power.size(); ++k) power[k] = std::norm(spectrum_[k]);
  }

 private:
  isize points_;
  Eigen::FFT<double> plan_;
  std::vector<double> signal_;
  std::vector<std::complex<double>> spectrum_;
};

}  // namespace multifuse
