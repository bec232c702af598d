#pragma once
#include <utility>
#include <vector>

#include "multifuse/backend/cpu/cpu.hpp"
#include "multifuse/train/evaluate/labeled_features.hpp"

namespace multifuse {

/// How neighbors vote.
struct nearest_neighbors_options {
  isize neighbors = 20;
  double temperature = 0.07;  ///< a vote weighs exp(cosine / temperature) (Wu et al. 2018); 0: all weigh the same
};

/// The class of each test sample by the votes of its nearest training samples in cosine similarity. Of equally near
/// samples the earlier one is taken, of classes with equal votes the lower one: the result is determined. Samples of
/// length zero have similarity 0 with all. With fewer training samples than neighbors all of them vote.
/// Throws shape_error or argument_error for unusable features, labels or options.
inline std::vector<isize> classify_by_neighbors(const labeled_features& train, const labeled_features& test,
                                                nearest_neighbors_options options = {}) {
  constexpr std::string_view where = "nearest_neighbors";
  detail::check_features(where, train, test);
  if (options.neighbors < 1 || !(options.temperature >= 0))
    throw argument_error(where, "unusable options", "neighbors >= 1, temperature >= 0",
                         std::to_string(options.neighbors) + ", " + std::to_string(options.temperature));
  const isize width = train.width(), count = train.samples(), kept = std::min(options.neighbors, count);
  const auto unit_rows = [width](const labeled_features& data) {
    std::vector<float> rows(data.features.begin(), data.features.end());
    for (isize s = 0; s < data.samples(); ++s) {
      double length = 0;
      for (isize i = 0; i < width; ++i) length += double(data.row(s)[i]) * double(data.row(s)[i]);
      const double scale = length > 0 ? 1 / std::sqrt(length) : 0;
      for (isize i = 0; i < width; ++i) rows[std::size_t(s * width + i)] = float(scale * double(data.row(s)[i]));
    }
    return rows;
  };
  const auto known = unit_rows(train), asked = unit_rows(test);
  constexpr isize block = 256;  // test samples at once: the similarities of all need not fit
  std::vector<float> similarities(std::size_t(block * count));
  std::vector<std::pair<float, isize>> nearest(static_cast<std::size_t>(count));
  std::vector<isize> found;
  for (isize first = 0; first < test.samples(); first += block) {
    const isize rows = std::min(block, test.samples() - first);
    cpu<float>::multiply(1, rows, count, width, 1, {asked.data() + first * width, width, 0},
                         {known.data(), width, 0, layout::transposed}, 0, {similarities.data(), count, 0});
    for (isize s = 0; s < rows; ++s) {
      for (isize t = 0; t < count; ++t)
        nearest[std::size_t(t)] = {-similarities[std::size_t(s * count + t)], t};  // nearest first, then earliest
      std::partial_sort(nearest.begin(), nearest.begin() + kept, nearest.end());
      std::vector<double> votes(std::size_t(train.classes()), 0.0);
      for (isize n = 0; n < kept; ++n) {
        const auto [distance, t] = nearest[std::size_t(n)];
        // relative to the nearest one, which keeps the exponential in range
        const double behind = double(nearest[0].first) - double(distance);
        votes[std::size_t(train.labels[std::size_t(t)])] +=
            options.temperature > 0 ? std::exp(behind / options.temperature) : 1.0;
      }
      found.push_back(std::max_element(votes.begin(), votes.end()) - votes.begin());
    }
  }
  return found;
}

/// Share of test samples that their nearest training samples classify correctly; as `classify_by_neighbors`.
///     nearest_neighbors_accuracy({train_features, train_labels}, {test_features, test_labels}, {.neighbors = 5})
inline double nearest_neighbors_accuracy(const labeled_features& train, const labeled_features& test,
                                         nearest_neighbors_options options = {}) {
  const auto found = classify_by_neighbors(train, test, options);
  double right = 0;
  for (std::size_t s = 0; s < found.size(); ++s) right += found[s] == test.labels[s];
  return right / double(found.size());
}

}  // namespace multifuse
