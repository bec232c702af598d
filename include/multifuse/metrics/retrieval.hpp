#pragma once
#include <algorithm>
#include <concepts>
#include <numeric>
#include <vector>

#include "multifuse/metrics/class_mean.hpp"

namespace multifuse {

/// Where a correct item stands among wrong ones of equal similarity. There is no optimistic rule: it would let a
/// constant model retrieve everything.
enum class ties {
  worst,   ///< behind all of them
  average  ///< where it stands on average if ties are broken at random
};

/// Which items answer a query.
template <class Relevant>
concept relevance = std::predicate<const Relevant&, isize, isize>;  // (query, item)

/// Item q alone answers query q: the two halves of a pair.
struct paired_items {
  constexpr bool operator()(isize query, isize item) const { return query == item; }
};

/// Every item with the query's label answers it.
struct same_label {
  std::span<const isize> queries, items;
  bool operator()(isize query, isize item) const {
    return queries[static_cast<std::size_t>(query)] == items[static_cast<std::size_t>(item)];
  }
};

/// Rank of each query's first correct item, counted from 1: one more than the wrong items ahead of it. With `average`,
/// t wrong and c correct items at the same similarity put t / (c + 1) wrong ones ahead.
/// @param similarity  [queries, items], higher is nearer
/// @return            [queries]
/// @throws shape_error     when the similarities are not whole rows, or labels do not fit them
/// @throws argument_error  for a NaN similarity, or a query that no item answers
template <relevance Relevant>
std::vector<double> retrieval_ranks(std::span<const float> similarity, isize items, const Relevant& relevant,
                                    ties rule = ties::worst) {
  const isize queries = detail::metric_rows("retrieval_ranks", similarity.size(), items);
  detail::require_no_nan("retrieval_ranks", similarity);
  if constexpr (std::same_as<Relevant, same_label>) {
    detail::require_size("retrieval_ranks", "query labels", queries, relevant.queries.size());
    detail::require_size("retrieval_ranks", "item labels", items, relevant.items.size());
  }
  std::vector<double> ranks;
  std::vector<bool> correct(static_cast<std::size_t>(items));
  for (isize q = 0; q < queries; ++q) {
    const auto row = similarity.subspan(static_cast<std::size_t>(q * items), static_cast<std::size_t>(items));
    bool answered = false;
    float best = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      correct[i] = relevant(q, static_cast<isize>(i));
      if (correct[i]) best = answered ? std::max(best, row[i]) : row[i];
      answered = answered || correct[i];
    }
    if (!answered)
      throw argument_error("retrieval_ranks", "query without a correct item", "at least one",
                           "none for query " + std::to_string(q));
    isize ahead = 0, tied[2] = {0, 0};  // wrong and correct items at the best correct similarity
    for (std::size_t i = 0; i < row.size(); ++i) {
      ahead += row[i] > best;
      if (row[i] == best) ++tied[correct[i]];
    }
    const auto wrong = static_cast<double>(tied[0]);
    ranks.push_back(1 + static_cast<double>(ahead) +
                    (rule == ties::worst ? wrong : wrong / static_cast<double>(tied[1] + 1)));
  }
  return ranks;
}

/// Share of queries with a correct item among the first k (R@k). Use ranks of `ties::worst`, which never overstate it.
/// @param ranks    from `retrieval_ranks`
/// @param missing  further queries that could not be asked, as for clips without features; they count as misses
/// @throws argument_error  for no ranks, k below 1 or a negative number of missing queries
inline double recall_at(std::span<const double> ranks, isize k, isize missing = 0) {
  if (ranks.empty() || k < 1 || missing < 0)
    throw argument_error("recall_at", "no ranks or unusable numbers", "one rank or more, k >= 1, missing >= 0",
                         std::to_string(ranks.size()) + " ranks, k = " + std::to_string(k) + ", " +
                             std::to_string(missing) + " missing");
  const auto limit = static_cast<double>(k);
  const auto found = std::count_if(ranks.begin(), ranks.end(), [limit](double rank) { return rank <= limit; });
  return static_cast<double>(found) / static_cast<double>(std::ssize(ranks) + missing);
}

/// Mean of the ranks.
/// @throws argument_error  for no ranks
inline double mean_rank(std::span<const double> ranks) {
  if (ranks.empty()) throw argument_error("mean_rank", "no ranks", "at least one", "none");
  return std::accumulate(ranks.begin(), ranks.end(), 0.0) / static_cast<double>(ranks.size());
}

/// Median of the ranks; the mean of the middle two when their number is even.
/// @throws argument_error  for no ranks
inline double median_rank(std::span<const double> ranks) {
  if (ranks.empty()) throw argument_error("median_rank", "no ranks", "at least one", "none");
  std::vector<double> sorted(ranks.begin(), ranks.end());
  std::sort(sorted.begin(), sorted.end());
  return (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]) / 2;
}

}  // namespace multifuse
