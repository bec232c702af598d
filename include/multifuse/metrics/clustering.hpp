#pragma once
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "multifuse/metrics/class_mean.hpp"

namespace multifuse {
namespace detail {

/// How many samples each cluster, each label and each pair of the two has.
struct contingency {
  std::map<isize, double> clusters, labels;
  std::map<std::pair<isize, isize>, double> pairs;  // (cluster, label)

  contingency(std::string_view where, std::span<const isize> assigned, std::span<const isize> truth) {
    require_size(where, "labels", std::ssize(assigned), truth.size());
    if (assigned.empty()) throw argument_error(where, "no samples", "at least one", "none");
    for (std::size_t i = 0; i < assigned.size(); ++i) {
      ++clusters[assigned[i]];
      ++labels[truth[i]];
      ++pairs[{assigned[i], truth[i]}];
    }
  }
};

}  // namespace detail

/// Share of samples that carry the commonest label of their cluster. Grows with the number of clusters.
/// @param clusters, labels  [samples], any numbers as names
/// @throws shape_error     when the sizes differ
/// @throws argument_error  without samples
inline double purity(std::span<const isize> clusters, std::span<const isize> labels) {
  const detail::contingency table("purity", clusters, labels);
  std::map<isize, double> commonest;
  for (const auto& [pair, count] : table.pairs) commonest[pair.first] = std::max(commonest[pair.first], count);
  double kept = 0;
  for (const auto& [cluster, count] : commonest) kept += count;
  return kept / static_cast<double>(clusters.size());
}

/// Normalized mutual information of clusters and labels: I(clusters, labels) over the arithmetic mean of the two
/// entropies. 1 when each determines the other, also when both are a single group; 0 when they are independent.
/// @param clusters, labels  [samples], any numbers as names
/// @throws shape_error     when the sizes differ
/// @throws argument_error  without samples
inline double normalized_mutual_information(std::span<const isize> clusters, std::span<const isize> labels) {
  const detail::contingency table("normalized_mutual_information", clusters, labels);
  const auto total = static_cast<double>(clusters.size());
  const auto entropy = [total](const auto& counts) {
    double sum = 0;
    for (const auto& [name, count] : counts) sum -= count / total * std::log(count / total);
    return sum;
  };
  if (table.clusters.size() == 1 && table.labels.size() == 1) return 1;
  double information = 0;
  for (const auto& [pair, count] : table.pairs)
    information +=
        count / total * std::log(count * total / table.clusters.at(pair.first) / table.labels.at(pair.second));
  return std::clamp(2 * information / (entropy(table.clusters) + entropy(table.labels)), 0.0, 1.0);
}

}  // namespace multifuse
