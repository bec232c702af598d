#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "multifuse/ops/gather.hpp"
#include "multifuse/ops/pointwise.hpp"
#include "multifuse/train/data_order.hpp"

namespace multifuse {

/// Whom each item of a batch is mixed with: the one at the mirrored place, or one given by a permutation.
enum class mixup_partner { mirrored, shuffled };

/// How a batch is mixed. The defaults are those of MBT: one weight for the batch, item i with item batch - 1 - i.
struct mixup_options {
  double alpha = 0.5;      ///< weights are drawn from Beta(alpha, alpha)
  bool per_item = false;   ///< a weight of its own for each item
  double probability = 1;  ///< of mixing at all: of the batch, or with `per_item` of each item
  mixup_partner partner = mixup_partner::mirrored;
};

/// Mixup (Zhang et al. 2018) inside a batch: x[i] becomes weight[i] x[i] + (1 - weight[i]) x[partner[i]]. Drawn once
/// and applied to all that belongs together: the inputs and the labels.
///     const mixup mix(key, 64, {.alpha = 0.5});
///     auto video = mix(batch.video), labels = mix(batch.labels);
/// Modality mixup (MBT) gives each modality its own weight and its own labels: `mixup(key.split("audio"), ...)`,
/// `mixup(key.split("rgb"), ...)` and a loss for each modality. With common labels: `modality_mixups`.
class mixup {
 public:
  /// Throws argument_error unless batch >= 1, alpha > 0 and 0 <= probability <= 1.
  mixup(random_key key, isize batch, mixup_options options = {}) {
    if (batch < 1 || !(options.alpha > 0) || !(options.probability >= 0 && options.probability <= 1))
      throw argument_error("mixup", "unusable options", "batch >= 1, alpha > 0, probability 0 ... 1",
                           "batch " + std::to_string(batch) + ", alpha " + std::to_string(options.alpha) +
                               ", probability " + std::to_string(options.probability));
    const auto order =
        options.partner == mixup_partner::shuffled ? shuffled(key.split("partner"), batch) : std::vector<isize>();
    const auto draw = [&](isize i) {
      if (uniform(key.split("whether"), i) >= options.probability) return 1.0;
      return beta_variate(key.split("weight"), i, options.alpha, options.alpha);
    };
    for (isize i = 0; i < batch; ++i) {
      partners_.push_back(
          static_cast<std::int32_t>(order.empty() ? batch - 1 - i : order[static_cast<std::size_t>(i)]));
      weights_.push_back(options.per_item || i == 0 ? draw(i) : weights_[0]);
    }
  }

  /// The same number of partners and of weights, given.
  mixup(std::vector<std::int32_t> partners, std::vector<double> weights)
      : partners_(std::move(partners)), weights_(std::move(weights)) {
    bool inside = partners_.size() == weights_.size() && !partners_.empty();
    for (const auto partner : partners_) inside = inside && partner >= 0 && std::cmp_less(partner, partners_.size());
    if (!inside)
      throw argument_error(
          "mixup", "unusable partners", "one place inside the batch and one weight for each item",
          std::to_string(partners_.size()) + " partners, " + std::to_string(weights_.size()) + " weights");
  }

  const std::vector<std::int32_t>& partners() const { return partners_; }
  const std::vector<double>& weights() const { return weights_; }

  /// The mixed items of a value whose first axis is the batch, also of what layers computed (manifold mixup, Verma et
  /// al. 2019): differentiable. Throws shape_error for another batch.
  template <value X> auto operator()(const X& x) const;

 private:
  std::vector<std::int32_t> partners_;
  std::vector<double> weights_;
};

/// Mixtures of several modalities that belong together (SFT's "permodality"): the same partners for all, weights for
/// each. `mean_mixup` of them mixes the labels.
inline std::vector<mixup> modality_mixups(random_key key, isize batch, isize modalities, mixup_options options = {}) {
  const mixup common(key, batch, options);
  std::vector<mixup> result;
  for (isize m = 0; m < modalities; ++m) {
    const random_key own = key.split("modality").split(static_cast<std::uint64_t>(m));
    result.emplace_back(common.partners(), mixup(own, batch, options).weights());
  }
  return result;
}

/// The mixture whose weights are the means of these, item by item. Throws argument_error for none, or for other
/// partners.
inline mixup mean_mixup(std::span<const mixup> each) {
  if (each.empty()) throw argument_error("mean_mixup", "nothing to average", "at least one mixture", "none");
  std::vector<double> weights(each[0].weights().size(), 0.0);
  for (const mixup& one : each) {
    if (one.partners() != each[0].partners())
      throw argument_error("mean_mixup", "mixtures of different partners", "the same partners", "others");
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] += one.weights()[i] / static_cast<double>(each.size());
  }
  return {each[0].partners(), std::move(weights)};
}

/// Manifold mixup of several streams: a mixture for each, and the layer of the model behind which they are applied.
struct manifold_mixup {
  std::vector<mixup> each;
  isize layer;

  manifold_mixup(std::vector<mixup> mixtures, isize layer_number) : each(std::move(mixtures)), layer(layer_number) {}
  /// As `modality_mixups`, behind one of the layers, all equally likely. Throws argument_error unless there is one.
  manifold_mixup(random_key key, isize batch, isize streams, isize layers, mixup_options options = {})
      : each(modality_mixups(key, batch, streams, options)), layer(uniform_integer(key.split("layer"), 0, layers)) {
    if (layers < 1) throw argument_error("manifold_mixup", "no layer", "1 or more", std::to_string(layers));
  }
};

namespace detail {
template <class S> struct first_axis_of;
template <class A, class... Rest> struct first_axis_of<shape<A, Rest...>> { using type = A; };
}  // namespace detail

template <value X> auto mixup::operator()(const X& expression) const {
  using D = device_of_t<X>;
  using T = typename D::scalar;
  using S = detail::shape_of_t<X>;
  static_assert(S::rank > 0 && !std::is_integral_v<T>, "multifuse: mixup is of real numbers, item by item; labels too");
  using first = typename detail::first_axis_of<S>::type;
  const auto x = evaluate(expression);
  const isize batch = static_cast<isize>(partners_.size());
  if (x.dims()[0] != batch)
    throw shape_error("mixup", "wrong number of items in " + x.dims().to_string(), std::to_string(batch),
                      std::to_string(x.dims()[0]));
  const auto items = shape<first>::from({batch});
  const tensor<rebind<D, std::int32_t>, shape<first>> partners(items, std::span<const std::int32_t>(partners_));
  const std::vector<T> scalars(weights_.begin(), weights_.end());
  const tensor<D, shape<first>> weights(items, std::span<const T>(scalars));
  return evaluate(weights * x + (1.0 - weights) * gather<typename first::tag>(x, partners));
}

}  // namespace multifuse
