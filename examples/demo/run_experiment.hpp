#pragma once
#include <algorithm>
#include <cmath>
#include <ctime>
#include <memory>

#include "experiment.hpp"
#include "multifuse/losses/cross_entropy.hpp"
#include "multifuse/ops/attention_probabilities.hpp"
#include "multifuse/train/adam.hpp"
#include "multifuse/train/schedule.hpp"
#include "multifuse/train/trainer.hpp"
#include "strategies.hpp"

/// Training and testing of one strategy.
namespace demo {

inline constexpr isize batch_size = 32;
inline constexpr double learning_rate = 3e-3, weight_decay = 0.05, label_smoothing = 0.1;

/// Adds up time while it runs.
struct stopwatch {
  double wall_seconds = 0, processor_seconds = 0;

  void resume() {
    wall_seconds -= mf::steady_seconds();
    processor_seconds -= double(std::clock()) / CLOCKS_PER_SEC;
  }
  void pause() {
    wall_seconds += mf::steady_seconds();
    processor_seconds += double(std::clock()) / CLOCKS_PER_SEC;
  }
};

/// A strategy's model of raw clips.
template <class Strategy> using network = typename Strategy::template model<input>;

/// Raw clips on the device: the streams that a strategy looks at.
template <class Strategy> auto bundle_from(const clip_batch& batch) {
  return mf::transform_streams(typename Strategy::modalities{}, [&]<class M>(M*) {
    using shape = typename M::raw;
    return mf::tensor<device, shape>(shape(batch.size), std::is_same_v<M, video> ? batch.video : batch.audio);
  });
}

/// Clips `first` ... `first + count - 1`.
inline clip_batch part_of(const clip_batch& all, isize first, isize count) {
  const auto cut = [&](const auto& values, isize length) {
    return std::remove_cvref_t<decltype(values)>(values.begin() + first * length, values.begin() + (first + count) * length);
  };
  return {count, cut(all.video, clip_layout.video_size()), cut(all.audio, clip_layout.audio_size()), cut(all.labels, 1)};
}

/// The class of each clip with the largest logit among the tested ones.
template <class Strategy>
std::vector<int> predictions(const network<Strategy>& model, const clip_batch& clips, isize tested_classes) {
  std::vector<int> predicted;
  for (isize first = 0; first < clips.size; first += 100) {
    const isize count = std::min<isize>(100, clips.size - first);
    const auto logits = model(bundle_from<Strategy>(part_of(clips, first, count))).to_host();
    for (isize i = 0; i < count; ++i) {
      const auto row = logits.begin() + i * clip_layout.classes;
      predicted.push_back(int(std::max_element(row, row + tested_classes) - row));
    }
  }
  return predicted;
}

inline double percent_correct(const std::vector<int>& predicted, const std::vector<std::int32_t>& labels) {
  isize correct = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) correct += predicted[i] == labels[i];
  return 100.0 * double(correct) / double(labels.size());
}

/// Median time of one clip alone, in milliseconds.
template <class Strategy> double inference_ms(const network<Strategy>& model, const clip_batch& clips) {
  const auto one = bundle_from<Strategy>(part_of(clips, 0, 1));
  std::vector<double> times;
  for (int repeat = 0; repeat < 50; ++repeat) {
    const double start = mf::steady_seconds();
    model(one);
    times.push_back(1e3 * (mf::steady_seconds() - start));
  }
  std::nth_element(times.begin(), times.begin() + 25, times.end());
  return times[25];
}

/// Calls `f` for the parameters of a model that others build on: of its tokenizer of video and its blocks.
template <class Network, class F> void for_each_basis_parameter(Network& model, F&& f) {
  const auto visit = [&](auto& leaf) {
    if constexpr (mf::is_parameter<std::remove_cvref_t<decltype(leaf)>>) f(leaf);
  };
  mf::for_each_member(mf::get<0>(model.template part<0>().tokenizers), visit);
  auto& layers = model.template part<1>();
  if constexpr (requires { layers.adapters; })
    mf::for_each_member(layers.blocks, visit);
  else
    mf::for_each_member(layers.blocks.template layer<video>(), visit);
}

/// Takes over what the run that this one builds on has learned.
template <class Network> void take_over(Network& model, const std::vector<float>& weights) {
  std::size_t next = 0;
  for_each_basis_parameter(model, [&](auto& parameter) {
    const isize count = parameter.value().size();
    device::copy_from_host(parameter.value().data(), weights.data() + next, count);
    next += std::size_t(count);
  });
}

/// Trains a strategy on random clips and tests it.
template <class Strategy> outcome train_and_test(const task& data, const run_options& options) {
  const auto model = std::make_unique<network<Strategy>>();
  mf::initialize(*model, options.seed);
  if constexpr (requires { typename Strategy::basis; })
    if (options.basis) take_over(*model, options.basis->weights);
  mf::adam<device> optimizer(*model, {.second_beta = 0.99, .weight_decay = weight_decay},
                             {{.pattern = "*", .largest_rank = 1, .weight_decay = 0}});
  const isize tested = std::ssize(data.classes);
  const clip_batch& test = data.conditions[0].clips;
  const clip_batch watched = part_of(test, 0, std::min<isize>(400, test.size));  // for the learning curve
  outcome result;
  double loss_mean = 0, loss_weight = 0;
  stopwatch training;
  const auto after_step = [&](const mf::step_report& now) {
    loss_mean = 0.98 * loss_mean + 0.02 * now.loss;
    loss_weight = 0.98 * loss_weight + 0.02;
    if (now.step % 20 == 0) options.report(double(now.step) / double(options.steps));
    if ((now.step + 1) * options.evaluations / options.steps == now.step * options.evaluations / options.steps) return;
    training.pause();
    result.steps.push_back(double(now.step + 1));
    result.loss.push_back(loss_mean / loss_weight);
    result.curve.push_back(percent_correct(predictions<Strategy>(*model, watched, tested), watched.labels));
    training.resume();
  };
  const isize warm_up = std::max<isize>(1, options.steps / 20);
  auto& pool = mf::memory_pool<device::memory>::instance();
  pool.reset_peak();
  training.resume();
  mf::train(optimizer,
            {.steps_per_epoch = options.steps,
             .batch_size = batch_size,
             .learning_rate = learning_rate,
             .schedule = mf::schedule::warm_up(warm_up, mf::schedule::cosine(std::max<isize>(1, options.steps - warm_up))),
             .clip_norm = 1,
             .seed = options.seed,
             .after_step = after_step,
             .progress = nullptr},
            [&](const mf::training_step& now) {
              using label_tensor = mf::tensor<mf::rebind<device, std::int32_t>, mf::shape<mf::batch<>>>;
              const clip_batch batch = data.draw(batch_size, now.random);
              const label_tensor labels(mf::shape<mf::batch<>>(batch.size), batch.labels);
              const auto logits = (*model)(mf::record(*now.recorder, bundle_from<Strategy>(batch)));
              return mf::cross_entropy(logits, labels, {.smoothing = label_smoothing});
            });
  training.pause();
  result.wall_seconds = training.wall_seconds;
  result.processor_seconds = training.processor_seconds;
  result.peak_mib = double(pool.statistics().peak) / (1 << 20);
  if (options.evaluations == 0) return result;

  for (const condition& one : data.conditions)
    result.accuracy.push_back(percent_correct(predictions<Strategy>(*model, one.clips, tested), one.clips.labels));
  result.confusion.assign(std::size_t(tested * tested), 0.0);
  const auto predicted = predictions<Strategy>(*model, test, tested);
  for (std::size_t i = 0; i < predicted.size(); ++i)
    ++result.confusion[std::size_t(test.labels[i] * tested + predicted[i])];
  result.inference_ms = inference_ms<Strategy>(*model, test);
  if constexpr (std::is_same_v<Strategy, video_only>)
    for_each_basis_parameter(*model, [&](const auto& parameter) {
      const auto values = parameter.value().to_host();
      result.weights.insert(result.weights.end(), values.begin(), values.end());
    });
  if constexpr (Strategy::modalities::size > 1)
    for (const isize clip : options.mapped_clips) result.maps.push_back(map_of<Strategy>(*model, data, clip));
  return result;
}

/// Adds up |d logit / d pixel| of the predicted class in the cells of each frame.
template <class Strategy> void add_saliency(const network<Strategy>& model, const clip_batch& clip, clip_map& map) {
  constexpr isize cell = 4;
  mf::tape tape;
  const auto streams = mf::watch(tape, bundle_from<Strategy>(clip));
  const auto logits = model(streams);
  auto chosen = std::vector<float>(std::size_t(clip_layout.classes), 0.0f);
  chosen[std::size_t(map.predicted)] = 1;
  mf::backward(logits, {logits.dims(), chosen});
  const auto gradient = mf::get<video>(streams).gradient().to_host();
  map.saliency.assign(std::size_t(clip_layout.frames * (clip_layout.rows / cell) * (clip_layout.columns / cell)), 0.0);
  for (isize f = 0; f < clip_layout.frames; ++f)
    for (isize r = 0; r < clip_layout.rows; ++r)
      for (isize c = 0; c < clip_layout.columns; ++c)
        map.saliency[std::size_t((f * (clip_layout.rows / cell) + r / cell) * (clip_layout.columns / cell) + c / cell)] +=
            std::abs(gradient[std::size_t((f * clip_layout.rows + r) * clip_layout.columns + c)]);
}

/// Attention weights of the first `count` tokens of x to the others, the mean over those tokens and all heads.
template <class X> std::vector<double> attention_of_first(const block& layer, const X& x, isize count) {
  const auto seen = layer.attention_norm(x);
  const auto weights =
      mf::attention_probabilities<heads>(layer.attention.query(seen), layer.attention.key(seen)).to_host();
  const isize tokens = x.dims().template extent<mf::tokens_axis>();
  std::vector<double> mean(std::size_t(tokens - count), 0.0);
  for (isize head = 0; head < heads; ++head)
    for (isize query = 0; query < count; ++query)
      for (isize key = count; key < tokens; ++key)
        mean[std::size_t(key - count)] +=
            double(weights[std::size_t((head * tokens + query) * tokens + key)]) / double(heads * count);
  return mean;
}

/// Where the bottleneck tokens look in the last layer.
inline void add_attention(const network<bottleneck>& model, const clip_batch& clip, clip_map& map) {
  const auto& layers = model.part<2>();
  const auto tokens = model.part<1>()(model.part<0>()(bundle_from<bottleneck>(clip)));
  const auto state = layers.step(layers.begin(tokens), 0);  // after the first of two layers
  const auto look = [&]<class M>(M*) {
    const auto seen = mf::concat<mf::tokens_axis>(state.bottleneck, mf::get<M>(state.content));
    return attention_of_first(layers.block<M>(1), seen, bottleneck::tokens);
  };
  map.video_attention = look(static_cast<video*>(nullptr));
  map.audio_attention = look(static_cast<audio*>(nullptr));
}

template <class Strategy>
clip_map map_of(const network<Strategy>& model, const task& data, isize clip) {
  const clip_batch one = part_of(data.conditions[0].clips, clip, 1);
  clip_map map{clip, predictions<Strategy>(model, one, std::ssize(data.classes))[0]};
  add_saliency<Strategy>(model, one, map);
  if constexpr (std::is_same_v<Strategy, bottleneck>) add_attention(model, one, map);
  return map;
}

/// Parameters, FLOPs and bytes for one clip, counted by the compiler.
template <class Strategy, class... M> constexpr mf::model_cost cost_of_clip(mf::streams<M...>) {
  constexpr mf::model_cost cost = mf::cost_of<network<Strategy>>(typename M::raw(1)...);
  return cost;
}

/// Forward FLOPs of everything behind the tokenizers, for so many tokens, equally many of each modality.
template <class Strategy, class... M> double flops_for_tokens(isize tokens, mf::streams<M...>) {
  const auto share = [&]<class One>(One*) {
    return mf::shape<mf::batch<1>, mf::tokens<>, mf::width<width>>(tokens / isize(sizeof...(M)));
  };
  return mf::cost_of<typename Strategy::template model<>>(share(static_cast<M*>(nullptr))...)
      .forward_flops;
}

template <class Strategy> experiment experiment_with() {
  using modalities = typename Strategy::modalities;
  experiment e{std::string(Strategy::name), std::string(Strategy::kind), modalities::size > 1};
  if constexpr (requires { typename Strategy::basis; }) {
    e.builds_on = std::string(Strategy::basis::name);
    e.frozen_parameters = 4 * mf::parameter_count<block>;
  }
  e.cost = cost_of_clip<Strategy>(modalities{});
  e.forward_flops = [](isize tokens) { return flops_for_tokens<Strategy>(tokens, modalities{}); };
  e.run = train_and_test<Strategy>;
  return e;
}

}  // namespace demo
