#pragma once
#include <optional>
#include <vector>

#include "../ops/gather.hpp"
#include "../ops/pointwise.hpp"

namespace multifuse {

/// Two streams whose equal rows belong together, for items that have both: where `valid` [batch] is not 0. Streams may
/// be modalities or what several of them were fused to.
template <value First, value Second, value Valid> struct weighted_pair {
  double weight;
  First first;    ///< [batch, width]
  Second second;  ///< [batch, width]
  Valid valid;    ///< [batch]; data
};
template <class First, class Second, class Valid>
weighted_pair(double, First, Second, Valid) -> weighted_pair<First, Second, Valid>;

/// The places of the elements that are not 0, in order.
template <value Valid> std::vector<std::int32_t> places_of(const Valid& valid) {
  const auto flags = plain_tensor(evaluate(valid)).to_host();
  std::vector<std::int32_t> places;
  for (std::size_t i = 0; i < flags.size(); ++i)
    if (flags[i] != 0) places.push_back(std::int32_t(i));
  return places;
}

/// The mean, by their weights, of a loss over several pairs of streams (the combinatorial loss of Shvetsova et al.,
/// "Everything at Once", CVPR 2022). An item that lacks one of a pair's streams is left out before the loss sees it, so
/// that it is no negative for others either. A pair of weight 0, or one that no item has, does not count. `loss(first,
/// second)` is a single number. Throws argument_error for a negative weight and if nothing is left. Example:
/// `combinatorial_loss(norm, weighted_pair{1, text, video, has_text * has_video}, ...)`.
template <class Loss, class... First, class... Second, class... Valid>
auto combinatorial_loss(const Loss& loss, const weighted_pair<First, Second, Valid>&... pairs) {
  const auto term = [&](const auto& pair, const std::vector<std::int32_t>& places) {
    using device = rebind<device_of_t<std::remove_cvref_t<decltype(pair.first)>>, std::int32_t>;
    const tensor<device, shape<batch<>>> ids(shape<batch<>>(std::ssize(places)),
                                             std::span<const std::int32_t>(places));
    return evaluate(loss(gather<batch_axis>(pair.first, ids), gather<batch_axis>(pair.second, ids)) * pair.weight);
  };
  std::optional<std::common_type_t<decltype(term(pairs, {}))...>> total;
  double weights = 0;
  const auto add = [&](const auto& pair) {
    if (!(pair.weight >= 0 && pair.weight < 1e300))
      throw argument_error("combinatorial_loss", "unusable weight", "a number of at least 0",
                           std::to_string(pair.weight));
    const auto places = pair.weight > 0 ? places_of(pair.valid) : std::vector<std::int32_t>();
    if (places.empty()) return;
    const auto one = term(pair, places);
    total.emplace(total ? evaluate(*total + one) : one);
    weights += pair.weight;
  };
  (add(pairs), ...);
  if (!total)
    throw argument_error("combinatorial_loss", "nothing to compare", "a pair of streams that some item has", "none");
  return evaluate(*total * (1 / weights));
}

}  // namespace multifuse
