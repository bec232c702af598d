#pragma once
#include <cmath>
#include <map>
#include <multifuse/core/random.hpp>
#include <multifuse/tape/members.hpp>

#include "support/golden.hpp"

namespace golden {

/// Numbers by their names in a file.
using named_numbers = std::map<std::string, std::vector<float>>;

/// Moves numbers to the next float32 above or below, by chance; sample 0 leaves them as they are.
class last_bits {
 public:
  explicit last_bits(std::uint64_t sample) : sample_(sample) {}

  template <class D, class S> mf::tensor<D, S> changed(const mf::tensor<D, S>& x, std::string_view name) const {
    const auto y = x.clone();
    if (sample_ > 0) change(y, name);
    return y;
  }
  /// A copy of a model with all its parameters and buffers changed.
  template <class M> M changed(const M& model) const {
    M copy = model;
    if (sample_ > 0)
      mf::for_each_named_member(copy, [&](std::string_view name, auto& leaf) {
        if constexpr (requires { leaf.value(); }) change(leaf.value(), name);
      });
    return copy;
  }

 private:
  template <class D, class S> void change(const mf::tensor<D, S>& x, std::string_view name) const {
    const auto key = mf::random_key{29, sample_}.split(name);
    for (isize i = 0; i < x.size(); ++i)
      x.data()[i] = std::nextafter(x.data()[i], mf::uniform(key, i) < 0.5 ? -INFINITY : INFINITY);
  }
  std::uint64_t sample_;
};

/// Compares the numbers of `compute(model, bits)`, which applies `bits` to its inputs, with the file's: "grad..."
/// within gradient_tolerance, all others within output_tolerance; gradients that the file does not have must be 0.
///
/// Allowed on top of that is three times what a number moves when the last bits of all weights and inputs do: two
/// programs that round differently cannot agree more closely. Mostly that is far below the tolerance. It is more where
/// large terms cancel: in a gate's gradient, behind a batch norm of features with little variance, and before one in
/// training, where the gradient of a bias is zero but for rounding. It has to be small against the largest gradient all
/// the same.
template <class M, class Compute> void expect_numbers(file& golden, const M& model, const Compute& compute) {
  const named_numbers found = compute(last_bits(0).changed(model), last_bits(0));
  std::map<std::string, double> effect;
  for (std::uint64_t sample = 1; sample <= 8; ++sample)
    for (const auto& [name, numbers] : compute(last_bits(sample).changed(model), last_bits(sample)))
      for (std::size_t i = 0; i < numbers.size(); ++i)
        effect[name] = std::max(effect[name], std::abs(double(numbers[i]) - double(found.at(name)[i])));
  double overall = 0;
  for (const auto& [name, numbers] : found)
    if (name.starts_with("grad")) overall = std::max(overall, largest(numbers));
  for (const auto& entry : found) {
    const std::string& name = entry.first;
    const std::vector<float>& numbers = entry.second;
    INFO(name);
    const bool gradient = name.starts_with("grad");
    if (!golden.has(name)) {
      REQUIRE(gradient);
      CHECK(largest(numbers) == 0);
      continue;
    }
    const double tolerance = gradient ? gradient_tolerance : output_tolerance;
    const double scale = largest(golden.values(name)), rounding = effect.at(name);
    CHECK(rounding <= 0.001 * (gradient ? overall : scale));
    golden.expect(name, numbers, tolerance, scale + 3 * rounding / tolerance);
  }
}

}  // namespace golden
