#pragma once
#include "../support/check.hpp"
#ifdef __CUDACC__
#include <multifuse/backend/cuda/cuda.hpp>
#else
#include "../support/strict_device.hpp"
#endif

/// Every description runs on another device than the CPU and must give the same results. A CUDA compiler makes that
/// device a GPU; any other compiler makes it the strict stand-in, so that the same files check without a GPU what can be
/// checked without one.
namespace check {

#ifdef __CUDACC__
using other_device = mf::cuda<float>;
#else
using other_device = strict<float>;
#endif
/// Of the largest magnitude of a tensor: the CPU has kernels of its own, which add in another order.
inline constexpr double parity_tolerance = 1e-4;

/// What one description showed, for the table at the end.
struct parity_row {
  std::string name;
  double worst;  ///< deviation, relative to the largest magnitude of its tensor
  bool repeats;  ///< two runs agree bit by bit
};
inline std::vector<parity_row>& parity_table() {
  static std::vector<parity_row> rows;
  return rows;
}

/// Fills free memory of the pool with NaN, so that an element read before it was written shows.
template <class D> void poison_free_memory() {
  using samples = mf::tensor<D, mf::shape<mf::samples<>>>;
  std::vector<samples> taken;
  for (isize power = 16; power <= 4096; power *= 2)
    for (isize eighth = 0; eighth < 8; ++eighth)
      for (int copy = 0; copy < 6; ++copy)
        taken.push_back(samples(mf::shape<mf::samples<>>(power + eighth * power / 8)).fill(std::nanf("")));
}

/// The largest deviation between two runs; infinite where they differ in kind.
inline double worst_deviation(const results& a, const results& b) {
  double worst = 0;
  const auto each = [&](const auto& left, const auto& right) {
    if (left.size() != right.size()) worst = HUGE_VAL;
    for (std::size_t t = 0; t < left.size() && t < right.size(); ++t)
      for (std::size_t i = 0; i < left[t].size() && i < right[t].size(); ++i) {
        const double off = std::abs(left[t][i] - right[t][i]) / std::max(largest(left[t]), 1e-3);
        worst = off <= worst ? worst : off;  // NaN wins
      }
  };
  each(a.outputs, b.outputs);
  each(a.input_gradients, b.input_gradients);
  each(a.parameter_gradients, b.parameter_gradients);
  return worst;
}

/// Outputs and gradients of a description on the other device against those on the CPU, and against a second run.
template <template <class> class Example> void parity(double tolerance = parity_tolerance) {
  const std::string name(Example<other_device>::name);
  INFO("example: " << name);
  const results expected = fresh_run<Example<mf::cpu<float>>>();
  poison_free_memory<other_device>();
  const results found = fresh_run<Example<other_device>>();
  compare(expected, found, tolerance);
  poison_free_memory<other_device>();
  const results again = fresh_run<Example<other_device>>();
  compare(found, again, 0);
  parity_table().push_back({name, worst_deviation(expected, found), worst_deviation(found, again) == 0});
}

}  // namespace check
