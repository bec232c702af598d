#pragma once
#include <array>

#include "multifuse/train/k_means.hpp"

namespace multifuse {

/// How clusters become labels.
struct pseudo_label_options {
  isize rounds = 5;
  isize iterations = 20;  ///< of k-means in each round, from new seeds
  std::uint64_t seed = 0;
};

/// Features [samples, width] to cluster, and into how many clusters.
struct features_to_cluster {
  std::vector<float> features;
  isize width, clusters;
};

/// Deep clustering (Caron et al. 2018): for each round takes features, clusters them, and trains with the numbers of
/// the clusters as labels. `extract(round)` returns a std::array of `features_to_cluster`, one for each kind of labels
/// (of each modality, say); `train(round, found)` gets the array of clusterings in the same order. Clusters have new
/// numbers in every round, so `train` should begin with new classification heads. Throws what k_means throws and
/// argument_error for a number of rounds below 1; passes on what the callbacks throw.
template <class Extract, class Train>
void train_on_pseudo_labels(const pseudo_label_options& options, Extract&& extract, Train&& train) {
  if (options.rounds < 1)
    throw argument_error("train_on_pseudo_labels", "unusable number of rounds", "1 or more",
                         std::to_string(options.rounds));
  const random_key key = random_key{options.seed, 0}.split("pseudo-labels");
  for (isize round = 0; round < options.rounds; ++round) {
    const auto sets = extract(round);
    std::array<clustering, std::tuple_size_v<std::remove_const_t<decltype(sets)>>> found;
    for (std::size_t i = 0; i < sets.size(); ++i)
      found[i] = k_means(sets[i].features, sets[i].width, sets[i].clusters,
                         key.split(std::uint64_t(round)).split(std::uint64_t(i)), options.iterations);
    train(round, found);
  }
}

/// `count` samples, drawn so that every cluster that has any is drawn equally often on average: small clusters are not
/// drowned by large ones. A function of the key. Throws argument_error without samples or for a negative number.
inline std::vector<isize> uniform_over_clusters(std::span<const isize> assignments, random_key key, isize count) {
  if (assignments.empty() || count < 0)
    throw argument_error("uniform_over_clusters", "unusable numbers", "samples, and a count of 0 or more",
                         std::to_string(assignments.size()) + " samples, " + std::to_string(count));
  std::vector<std::vector<isize>> members;
  for (std::size_t s = 0; s < assignments.size(); ++s) {
    const isize c = assignments[s];
    if (c < 0)
      throw argument_error("uniform_over_clusters", "negative cluster", "0 or more",
                           std::to_string(c) + " for sample " + std::to_string(s));
    if (c >= std::ssize(members)) members.resize(std::size_t(c) + 1);
    members[std::size_t(c)].push_back(isize(s));
  }
  std::erase_if(members, [](const auto& list) { return list.empty(); });
  std::vector<isize> drawn;
  for (isize n = 0; n < count; ++n) {
    const auto& list = members[std::size_t(uniform_integer(key, 2 * n, std::ssize(members)))];
    drawn.push_back(list[std::size_t(uniform_integer(key, 2 * n + 1, std::ssize(list)))]);
  }
  return drawn;
}

}  // namespace multifuse
