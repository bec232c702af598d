#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "multifuse/core/error.hpp"
#include "multifuse/core/random.hpp"

namespace multifuse {

/// What k-means finds: centroids and the nearest one of each sample.
struct clustering {
  isize width = 0;                  ///< of a centroid
  std::vector<float> centroids;     ///< [clusters, width]
  std::vector<isize> assignments;   ///< [samples], 0 ... clusters - 1; the lower number if two are equally near
  std::vector<double> distances;    ///< [samples], squared, to the nearest centroid

  isize clusters() const { return std::ssize(centroids) / width; }
  /// The sum of all squared distances, which k-means lowers.
  double objective() const {
    double sum = 0;
    for (const double d : distances) sum += d;
    return sum;
  }
};

namespace detail {

/// Number of samples in `features`; throws for what cannot be clustered.
inline isize samples_to_cluster(std::span<const float> features, isize width, isize clusters) {
  if (width < 1 || features.empty() || std::ssize(features) % width != 0)
    throw shape_error("k_means", "features are not whole rows", "[samples >= 1, width >= 1]",
                      std::to_string(features.size()) + " features, width " + std::to_string(width));
  const isize samples = std::ssize(features) / width;
  if (clusters < 1 || clusters > samples)
    throw argument_error("k_means", "unusable number of clusters", "1 ... " + std::to_string(samples),
                         std::to_string(clusters));
  for (std::size_t i = 0; i < features.size(); ++i)
    if (!std::isfinite(features[i]))
      throw argument_error("k_means", "a feature is not finite", "finite numbers",
                           std::to_string(features[i]) + " at position " + std::to_string(i));
  return samples;
}

inline double squared_distance(const float* a, const float* b, isize width) {
  double sum = 0;
  for (isize i = 0; i < width; ++i) sum += (double(a[i]) - double(b[i])) * (double(a[i]) - double(b[i]));
  return sum;
}

/// Assigns every sample to its nearest centroid.
inline void assign_samples(std::span<const float> features, clustering& found) {
  for (std::size_t s = 0; s < found.assignments.size(); ++s) {
    const float* const row = features.data() + isize(s) * found.width;
    found.distances[s] = std::numeric_limits<double>::infinity();
    for (isize c = 0; c < found.clusters(); ++c) {
      const double distance = squared_distance(row, found.centroids.data() + c * found.width, found.width);
      if (distance < found.distances[s]) found.distances[s] = distance, found.assignments[s] = c;
    }
  }
}

/// Moves every centroid to the mean of its samples. One without samples takes the sample that is farthest from its own
/// centroid, if it is apart from it; several take different ones.
inline void move_centroids(std::span<const float> features, clustering& found) {
  const isize width = found.width;
  std::vector<double> sums(found.centroids.size(), 0.0), counts(std::size_t(found.clusters()), 0.0);
  for (std::size_t s = 0; s < found.assignments.size(); ++s) {
    const isize c = found.assignments[s];
    ++counts[std::size_t(c)];
    for (isize i = 0; i < width; ++i) sums[std::size_t(c * width + i)] += features[std::size_t(isize(s) * width + i)];
  }
  auto& distances = found.distances;  // computed anew by the next assignment
  for (isize c = 0; c < found.clusters(); ++c) {
    float* const centroid = found.centroids.data() + c * width;
    if (const double count = counts[std::size_t(c)]; count > 0) {
      for (isize i = 0; i < width; ++i) centroid[i] = float(sums[std::size_t(c * width + i)] / count);
    } else if (const auto farthest = std::max_element(distances.begin(), distances.end()); *farthest > 0) {
      std::copy_n(features.data() + (farthest - distances.begin()) * width, width, centroid);
      *farthest = 0;
    }
  }
}

}  // namespace detail

/// Seeds for k-means, [clusters, width], from features [samples, width]: samples, the first one drawn uniformly, each
/// further one with a probability in proportion to its squared distance to the nearest seed (k-means++, Arthur and
/// Vassilvitskii 2007). A function of the key. Throws shape_error or argument_error for features or numbers that cannot
/// be used.
inline std::vector<float> k_means_seeds(std::span<const float> features, isize width, isize clusters, random_key key) {
  const isize samples = detail::samples_to_cluster(features, width, clusters);
  std::vector<double> nearest(std::size_t(samples), std::numeric_limits<double>::infinity());
  std::vector<float> seeds;
  isize chosen = uniform_integer(key, 0, samples);
  for (isize c = 1;; ++c) {
    const float* const seed = features.data() + chosen * width;
    seeds.insert(seeds.end(), seed, seed + width);
    if (c == clusters) return seeds;
    double total = 0;
    for (isize s = 0; s < samples; ++s) {
      double& distance = nearest[std::size_t(s)];
      distance = std::min(distance, detail::squared_distance(features.data() + s * width, seed, width));
      total += distance;
    }
    if (total == 0) {  // all samples are seeds already
      chosen = uniform_integer(key, c, samples);
      continue;
    }
    double rest = uniform(key, c) * total;
    for (isize s = 0; s < samples; ++s) {
      if (nearest[std::size_t(s)] == 0) continue;
      chosen = s;
      if ((rest -= nearest[std::size_t(s)]) < 0) break;
    }
  }
}

/// Clusters features [samples, width] by Lloyd's algorithm from given seeds [clusters, width]: `iterations` times moves
/// the centroids to the means of the samples assigned to them, and stops early when no assignment changes. Nothing is
/// random. Throws shape_error or argument_error for features or numbers that cannot be used.
inline clustering k_means(std::span<const float> features, isize width, std::span<const float> seeds,
                          isize iterations = 20) {
  if (width < 1 || seeds.empty() || std::ssize(seeds) % width != 0)
    throw shape_error("k_means", "seeds are not whole rows", "[clusters >= 1, width >= 1]",
                      std::to_string(seeds.size()) + " numbers, width " + std::to_string(width));
  if (iterations < 0)
    throw argument_error("k_means", "unusable number of iterations", "0 or more", std::to_string(iterations));
  const auto samples = std::size_t(detail::samples_to_cluster(features, width, std::ssize(seeds) / width));
  clustering found{width, {seeds.begin(), seeds.end()}, std::vector<isize>(samples), std::vector<double>(samples)};
  detail::assign_samples(features, found);
  for (isize n = 0; n < iterations; ++n) {
    const auto before = found.assignments;
    const auto centroids = found.centroids;
    detail::move_centroids(features, found);
    detail::assign_samples(features, found);
    if (found.assignments == before && found.centroids == centroids) break;
  }
  return found;
}

/// Likewise from seeds drawn by `k_means_seeds`.
inline clustering k_means(std::span<const float> features, isize width, isize clusters, random_key key,
                          isize iterations = 20) {
  return k_means(features, width, k_means_seeds(features, width, clusters, key), iterations);
}

}  // namespace multifuse
