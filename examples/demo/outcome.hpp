#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace demo {

/// What a trained model attends to in one test clip.
struct clip_map {
  std::int64_t clip = 0;                        ///< its place in the first condition
  int predicted = 0;
  std::vector<double> saliency = {};            ///< [frames, cells]: |d logit / d pixel|, summed over cells of a frame
  std::vector<double> video_attention = {};     ///< [frames]: of the fusion tokens to the tokens of each frame
  std::vector<double> audio_attention = {};     ///< [audio tokens]
};

/// What came out of training one strategy with one seed.
struct outcome {
  std::vector<double> accuracy = {};            ///< percent, of each condition
  std::vector<double> steps = {}, curve = {};   ///< accuracy under the first condition while training, percent
  std::vector<double> loss = {};                ///< running mean of the training loss at the same steps
  std::vector<double> confusion = {};           ///< [classes, classes], true by predicted, counts
  double wall_seconds = 0;                      ///< of training, without the tests in between
  double processor_seconds = 0;                 ///< likewise; the same on a busy machine
  double inference_ms = 0;                      ///< of one clip alone
  double peak_mib = 0;                          ///< of tensors, while training
  std::vector<clip_map> maps = {};
  std::vector<float> weights = {};              ///< of the blocks, when another strategy builds on them
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(clip_map, clip, predicted, saliency, video_attention, audio_attention)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(outcome, accuracy, steps, curve, loss, confusion, wall_seconds, processor_seconds, inference_ms,
                                   peak_mib, maps, weights)

}  // namespace demo
