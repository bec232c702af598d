#pragma once
#include <multifuse/ops/window.hpp>
#include <vector>

/// Convolutions by their definition.
namespace check {

namespace mf = multifuse;
using mf::isize;

/// Result and gradients of a convolution.
struct convolution_results {
  std::vector<double> y, dx, dweight, dbias;
};

/// x has the extents [items, in[0], in[1], in[2], channels], y the same with places of windows and as many channels as
/// there are biases; the gradients are those of the sum of y times dy.
inline convolution_results convolution_by_definition(const mf::window_config& windows, isize items,
                                                     const isize (&in)[3], isize channels, isize groups,
                                                     const std::vector<double>& x, const std::vector<double>& weight,
                                                     const std::vector<double>& bias, const std::vector<double>& dy) {
  const isize of_group = channels / groups, out = isize(bias.size());
  const isize places[3] = {windows.places(0, in[0]), windows.places(1, in[1]), windows.places(2, in[2])};
  convolution_results found{
      {}, std::vector<double>(x.size()), std::vector<double>(weight.size()), std::vector<double>(bias.size())};
  const auto at = [](isize i) { return std::size_t(i); };
  const auto element = [&](std::size_t axis, isize place, isize tap) {
    return place * windows.step(axis) - windows.padding[axis] + tap * windows.spread(axis);
  };
  for (isize item = 0; item < items; ++item)
    for (isize p0 = 0; p0 < places[0]; ++p0)
      for (isize p1 = 0; p1 < places[1]; ++p1)
        for (isize p2 = 0; p2 < places[2]; ++p2)
          for (isize o = 0; o < out; ++o) {
            const double d = dy[found.y.size()];
            double sum = bias[at(o)];
            found.dbias[at(o)] += d;
            for (isize tap = 0; tap < windows.taps(); ++tap) {
              const isize e0 = element(0, p0, tap / windows.tap(2) / windows.tap(1));
              const isize e1 = element(1, p1, tap / windows.tap(2) % windows.tap(1));
              const isize e2 = element(2, p2, tap % windows.tap(2));
              if (e0 < 0 || e1 < 0 || e2 < 0 || e0 >= in[0] || e1 >= in[1] || e2 >= in[2]) continue;
              for (isize k = 0; k < of_group; ++k) {
                const std::size_t w = at((o * windows.taps() + tap) * of_group + k);
                const std::size_t e = at((((item * in[0] + e0) * in[1] + e1) * in[2] + e2) * channels +
                                         o / (out / groups) * of_group + k);
                sum += weight[w] * x[e];
                found.dx[e] += weight[w] * d;
                found.dweight[w] += x[e] * d;
              }
            }
            found.y.push_back(sum);
          }
  return found;
}

}  // namespace check
