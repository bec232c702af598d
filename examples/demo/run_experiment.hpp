#pragma once
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <numeric>

#include "experiment.hpp"
#include "multifuse/losses/cross_entropy.hpp"
#include "multifuse/train/adam.hpp"
#include "multifuse/train/clip.hpp"
#include "multifuse/train/progress.hpp"
#include "multifuse/train/schedule.hpp"
#include "strategies.hpp"

/// Training and testing of one strategy.
namespace demo {

inline constexpr isize batch_size = 32;
inline constexpr double learning_rate = 3e-3, weight_decay = 0.05, label_smoothing = 0.1;

/// Raw clips of one modality on the device.
template <clip_shape S, class Modality> auto clips_of(const clip_batch& batch) {
  using shape = typename raw_clip<S, Modality>::template shape<mf::dynamic>;
  return mf::tensor<device, shape>(shape(batch.size), std::is_same_v<Modality, video> ? batch.video : batch.audio);
}

/// The streams that a strategy looks at.
template <class Strategy, clip_shape S> auto bundle_from(const clip_batch& batch) {
  return mf::transform_streams(typename Strategy::modalities{}, [&]<class M>(M*) { return clips_of<S, M>(batch); });
}

/// Clips `first` ... `first + count - 1`.
template <clip_shape S> clip_batch part_of(const clip_batch& all, isize first, isize count) {
  const auto cut = [&](const auto& values, isize length) {
    return std::remove_cvref_t<decltype(values)>(values.begin() + first * length, values.begin() + (first + count) * length);
  };
  return {count, cut(all.video, S.video_size()), cut(all.audio, S.audio_size()), cut(all.labels, 1)};
}

/// The class of each clip with the largest logit among the tested ones.
template <class Strategy, clip_shape S>
std::vector<int> predictions(const network<Strategy, S>& model, const clip_batch& clips, isize tested_classes) {
  std::vector<int> predicted;
  for (isize first = 0; first < clips.size; first += 100) {
    const isize count = std::min<isize>(100, clips.size - first);
    const auto logits = model(bundle_from<Strategy, S>(part_of<S>(clips, first, count))).to_host();
    for (isize i = 0; i < count; ++i) {
      const auto row = logits.begin() + i * S.classes;
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
template <class Strategy, clip_shape S> double inference_ms(const network<Strategy, S>& model, const clip_batch& clips) {
  const auto one = bundle_from<Strategy, S>(part_of<S>(clips, 0, 1));
  std::vector<double> times;
  for (int repeat = 0; repeat < 50; ++repeat) {
    const double start = mf::steady_seconds();
    model(one);
    times.push_back(1e3 * (mf::steady_seconds() - start));
  }
  std::nth_element(times.begin(), times.begin() + 25, times.end());
  return times[25];
}

/// Trains a strategy on random clips and tests it.
template <class Strategy, clip_shape S> outcome train_and_test(const task& data, const run_options& options) {
  const auto model = std::make_unique<network<Strategy, S>>();
  mf::initialize(*model, options.seed);
  mf::adam<device> optimizer(*model, {.second_beta = 0.99, .weight_decay = weight_decay},
                             {{.pattern = "*", .largest_rank = 1, .weight_decay = 0}});
  const isize warm_up_steps = std::max<isize>(1, options.steps / 20);
  const auto rate =
      mf::schedule::warm_up(warm_up_steps, mf::schedule::cosine(std::max<isize>(1, options.steps - warm_up_steps)));
  const mf::random_key key = mf::random_key{options.seed}.split("training");
  const isize tested = std::ssize(data.classes);
  const clip_batch& test = data.conditions[0].clips;
  auto& pool = mf::memory_pool<device::memory>::instance();

  outcome result;
  mf::tape tape;
  double loss_mean = 0, loss_weight = 0;
  pool.reset_peak();
  double start = mf::steady_seconds();
  for (isize step = 0; step < options.steps; ++step) {
    const mf::random_key draw = key.split(std::uint64_t(step));
    const clip_batch batch = data.draw(batch_size, draw);
    const mf::tensor<mf::rebind<device, std::int32_t>, mf::shape<mf::batch<>>> labels(mf::shape<mf::batch<>>(batch.size),
                                                                                     batch.labels);
    optimizer.zero_gradients();
    tape.restart({.training = true, .random = draw});
    const auto logits = (*model)(mf::record(tape, bundle_from<Strategy, S>(batch)));
    const auto loss = mf::cross_entropy(logits, labels, {.smoothing = label_smoothing});
    mf::backward(loss);
    mf::clip_global_norm(optimizer.parameters(), 1);
    optimizer.step(learning_rate * rate(step));

    loss_mean = 0.98 * loss_mean + 0.02 * double(loss.value().to_host()[0]);
    loss_weight = 0.98 * loss_weight + 0.02;
    if ((step + 1) * options.evaluations / options.steps > step * options.evaluations / options.steps) {
      const double before = mf::steady_seconds();
      result.steps.push_back(double(step + 1));
      result.loss.push_back(loss_mean / loss_weight);
      result.curve.push_back(percent_correct(predictions<Strategy, S>(*model, test, tested), test.labels));
      start += mf::steady_seconds() - before;  // testing is not training
    }
    if (step % 20 == 0) options.report(double(step) / double(options.steps));
  }
  tape.clear();
  result.training_seconds = mf::steady_seconds() - start;
  result.peak_mib = double(pool.statistics().peak) / (1 << 20);
  if (options.evaluations == 0) return result;

  for (const condition& one : data.conditions)
    result.accuracy.push_back(percent_correct(predictions<Strategy, S>(*model, one.clips, tested), one.clips.labels));
  result.confusion.assign(std::size_t(tested * tested), 0.0);
  const auto predicted = predictions<Strategy, S>(*model, test, tested);
  for (std::size_t i = 0; i < predicted.size(); ++i)
    ++result.confusion[std::size_t(test.labels[i] * tested + predicted[i])];
  result.inference_ms = inference_ms<Strategy, S>(*model, test);
  if constexpr (Strategy::modalities::size > 1)
    for (const isize clip : options.mapped_clips) result.maps.push_back(map_of<Strategy, S>(*model, data, clip));
  return result;
}

/// Adds up |d logit / d pixel| of the predicted class in the cells of each frame.
template <class Strategy, clip_shape S> void add_saliency(const network<Strategy, S>& model, const clip_batch& clip, clip_map& map) {
  constexpr isize cell = 4;
  mf::tape tape;
  const auto streams = mf::watch(tape, bundle_from<Strategy, S>(clip));
  const auto logits = model(streams);
  auto chosen = std::vector<float>(std::size_t(S.classes), 0.0f);
  chosen[std::size_t(map.predicted)] = 1;
  mf::backward(logits, {logits.dims(), chosen});
  const auto gradient = mf::get<video>(streams).gradient().to_host();
  map.saliency.assign(std::size_t(S.frames * (S.rows / cell) * (S.columns / cell)), 0.0);
  for (isize f = 0; f < S.frames; ++f)
    for (isize r = 0; r < S.rows; ++r)
      for (isize c = 0; c < S.columns; ++c)
        map.saliency[std::size_t((f * (S.rows / cell) + r / cell) * (S.columns / cell) + c / cell)] +=
            std::abs(gradient[std::size_t((f * S.rows + r) * S.columns + c)]);
}

/// Attention weights of the first `count` tokens of x to the others, the mean over those tokens and all heads.
template <class X> std::vector<double> attention_of_first(const block& layer, const X& x, isize count) {
  const auto normalized = layer.attention_norm(x);
  const auto queries = layer.attention.query(normalized).to_host(), keys = layer.attention.key(normalized).to_host();
  const isize tokens = x.dims().template extent<mf::tokens_axis>(), head = width / heads;
  std::vector<double> mean(std::size_t(tokens - count), 0.0), weights(static_cast<std::size_t>(tokens));
  for (isize query = 0; query < count; ++query)
    for (isize h = 0; h < heads; ++h) {
      double sum = 0;
      for (isize token = 0; token < tokens; ++token) {
        const float *q = queries.data() + query * width + h * head, *k = keys.data() + token * width + h * head;
        weights[std::size_t(token)] = std::exp(double(std::inner_product(q, q + head, k, 0.0f)) / std::sqrt(double(head)));
        sum += weights[std::size_t(token)];
      }
      for (isize token = count; token < tokens; ++token)
        mean[std::size_t(token - count)] += weights[std::size_t(token)] / sum / double(count * heads);
    }
  return mean;
}

/// Where the bottleneck tokens look in the last layer.
template <clip_shape S> void add_attention(const network<bottleneck, S>& model, const clip_batch& clip, clip_map& map) {
  const auto& layers = model.fusion.template part<1>();
  const auto tokens = model.fusion.template part<0>()(model.tokens(bundle_from<bottleneck, S>(clip)));
  const auto state = layers.step(layers.begin(tokens), 0);  // after the first of two layers
  const auto look = [&]<class M>(M*) {
    const auto seen = mf::concat<mf::tokens_axis>(state.bottleneck, mf::get<M>(state.content));
    return attention_of_first(layers.template block<M>(1), seen, bottleneck::tokens);
  };
  map.video_attention = look(static_cast<video*>(nullptr));
  map.audio_attention = look(static_cast<audio*>(nullptr));
}

template <class Strategy, clip_shape S>
clip_map map_of(const network<Strategy, S>& model, const task& data, isize clip) {
  const clip_batch one = part_of<S>(data.conditions[0].clips, clip, 1);
  clip_map map{clip, predictions<Strategy, S>(model, one, std::ssize(data.classes))[0]};
  add_saliency<Strategy, S>(model, one, map);
  if constexpr (std::is_same_v<Strategy, bottleneck>) add_attention<S>(model, one, map);
  return map;
}

template <class Strategy, clip_shape S, class... M> constexpr mf::model_cost cost_of_clip(mf::streams<M...>) {
  constexpr mf::model_cost cost = mf::cost_of<network<Strategy, S>>(typename raw_clip<S, M>::template shape<1>{}...);
  return cost;
}

/// Forward FLOPs of everything behind the tokenizers, for so many tokens, equally many of each modality.
template <class Strategy, class... M> double flops_for_tokens(isize tokens, mf::streams<M...>) {
  const auto share = [&]<class One>(One*) {
    return mf::shape<mf::batch<1>, mf::tokens<>, mf::width<width>>(tokens / isize(sizeof...(M)));
  };
  return mf::cost_of<typename Strategy::template fusion<word_clip.classes>>(share(static_cast<M*>(nullptr))...)
      .forward_flops;
}

template <class Strategy> experiment experiment_with() {
  using modalities = typename Strategy::modalities;
  experiment e{std::string(Strategy::name), std::string(Strategy::kind), modalities::size > 1};
  e.cost = [](const task& data) {
    return data.words ? cost_of_clip<Strategy, word_clip>(modalities{}) : cost_of_clip<Strategy, digit_clip>(modalities{});
  };
  e.forward_flops = [](isize tokens) { return flops_for_tokens<Strategy>(tokens, modalities{}); };
  e.run = [](const task& data, const run_options& options) {
    return data.words ? train_and_test<Strategy, word_clip>(data, options)
                      : train_and_test<Strategy, digit_clip>(data, options);
  };
  return e;
}

}  // namespace demo
