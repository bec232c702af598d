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
template <class T> using other = mf::cuda<T>;
#else
template <class T> using other = strict<T>;
#endif
using other_device = other<float>;
/// Of the largest magnitude of a tensor: the CPU has kernels of its own, which add in another order. In bf16 they round at
/// other places, too; what is small besides the others is then a difference of rounded numbers.
template <class T> inline constexpr double parity_tolerance_of = std::is_same_v<T, mf::bf16> ? 2e-2 : 1e-4;
inline constexpr double parity_tolerance = parity_tolerance_of<float>;

/// What one description showed, for the table at the end.
struct parity_row {
  std::string name;
  double worst;  ///< deviation, as `compare` measures it
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

/// Outputs and gradients of a description for elements of T on the other device against those on the CPU, and against a
/// second run.
template <template <class> class Example, class T = float> void parity(double tolerance = parity_tolerance_of<T>) {
  constexpr bool rounds = std::is_same_v<T, mf::bf16>;
  const std::string name = std::string(Example<other<T>>::name) + (rounds ? ", bf16" : "");
  INFO("example: " << name);
  const results expected = fresh_run<Example<mf::cpu<T>>>();
  poison_free_memory<other_device>();
  const results found = fresh_run<Example<other<T>>>();
  const double worst = compare(expected, found, tolerance, rounds ? 0.5 : 0.01);
  poison_free_memory<other_device>();
  const results again = fresh_run<Example<other<T>>>();
  parity_table().push_back({name, worst, compare(found, again, 0) == 0});
}

}  // namespace check
