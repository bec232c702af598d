#pragma once
#include <vector>

#include "multifuse/backend/cpu/cpu.hpp"
#include "multifuse/train/evaluate/labeled_features.hpp"

namespace multifuse {

/// How a linear probe is fitted.
struct linear_probe_options {
  double weight_decay = 1e-3;  ///< half of it times the squared weights is added to the loss; not for the bias
  isize steps = 300;
};

/// A linear classifier on frozen features: softmax regression on features standardized over the training samples,
/// fitted to all of them at once by Nesterov's accelerated gradient descent. The step is one over a bound of the
/// curvature (half the largest eigenvalue of the features' second moments, Boehning 1992), so there is no learning
/// rate, nothing is random, and the same input gives the same classifier.
class linear_probe {
 public:
  /// Throws shape_error or argument_error for unusable features, labels or options.
  explicit linear_probe(const labeled_features& train, linear_probe_options options = {}) {
    detail::check_features("linear_probe", train);
    if (!(options.weight_decay >= 0 && options.weight_decay < 1e6) || options.steps < 1)
      throw argument_error("linear_probe", "unusable options", "weight_decay >= 0, steps >= 1",
                           std::to_string(options.weight_decay) + ", " + std::to_string(options.steps));
    width_ = train.width();
    classes_ = train.classes();
    standardize(train);
    fit(rows_of(train), train.labels, options);
  }

  isize classes() const { return classes_; }

  /// The class of the highest score of each row of features [samples, width].
  std::vector<isize> classify(const labeled_features& data) const {
    detail::check_features("linear_probe", data);
    if (data.width() != width_)
      throw shape_error("linear_probe", "features of another width", std::to_string(width_),
                        std::to_string(data.width()));
    const auto scores = scores_of(rows_of(data), weights_);
    std::vector<isize> found;
    for (isize s = 0; s < data.samples(); ++s) {
      const float* const row = scores.data() + s * classes_;
      found.push_back(std::max_element(row, row + classes_) - row);
    }
    return found;
  }

  /// Share of samples whose class is found.
  double accuracy(const labeled_features& data) const {
    const auto found = classify(data);
    double right = 0;
    for (std::size_t s = 0; s < found.size(); ++s) right += found[s] == data.labels[s];
    return right / double(found.size());
  }

 private:
  using numbers = std::vector<float>;
  using device = cpu<float>;

  isize columns() const { return width_ + 1; }  // the last one is 1: its weight is the bias

  void standardize(const labeled_features& train) {
    const auto samples = double(train.samples());
    std::vector<double> mean(std::size_t(width_), 0.0), square(std::size_t(width_), 0.0);
    for (isize s = 0; s < train.samples(); ++s)
      for (isize i = 0; i < width_; ++i) mean[std::size_t(i)] += train.row(s)[i] / samples;
    for (isize s = 0; s < train.samples(); ++s)
      for (isize i = 0; i < width_; ++i) {
        const double off = train.row(s)[i] - mean[std::size_t(i)];
        square[std::size_t(i)] += off * off / samples;
      }
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const double deviation = std::sqrt(square[i]);
      mean_.push_back(float(mean[i]));
      inverse_.push_back(deviation > 1e-6 * std::abs(mean[i]) ? float(1 / deviation) : 0.0f);  // constant: left out
    }
  }

  /// Standardized features and a one.
  numbers rows_of(const labeled_features& data) const {
    numbers rows;
    rows.reserve(std::size_t(data.samples() * columns()));
    for (isize s = 0; s < data.samples(); ++s) {
      for (std::size_t i = 0; i < mean_.size(); ++i) rows.push_back((data.row(s)[i] - mean_[i]) * inverse_[i]);
      rows.push_back(1);
    }
    return rows;
  }

  /// Scores [samples, classes] of rows [samples, columns] under weights [classes, columns].
  numbers scores_of(const numbers& rows, const numbers& weights) const {
    const isize samples = std::ssize(rows) / columns(), outputs = std::ssize(weights) / columns();
    numbers scores(std::size_t(samples * outputs));
    device::multiply(1, samples, outputs, columns(), 1, {rows.data(), columns(), 0},
                     {weights.data(), columns(), 0, layout::transposed}, 0, {scores.data(), outputs, 0});
    return scores;
  }

  /// result[outputs, columns] = factors^T rows / samples.
  numbers gather(const numbers& rows, const numbers& factors) const {
    const isize samples = std::ssize(rows) / columns(), outputs = std::ssize(factors) / samples;
    numbers result(std::size_t(outputs * columns()));
    device::multiply(1, outputs, columns(), samples, 1 / float(samples),
                     {factors.data(), outputs, 0, layout::transposed}, {rows.data(), columns(), 0}, 0,
                     {result.data(), columns(), 0});
    return result;
  }

  /// A bound of the largest eigenvalue of the rows' second moments: power iteration, and a margin for what it misses.
  double largest_eigenvalue(const numbers& rows) const {
    numbers direction(std::size_t(columns()), 1.0f);
    double length = 0;
    for (int round = 0; round < 30; ++round) {
      direction = gather(rows, scores_of(rows, direction));
      length = 0;
      for (float x : direction) length += double(x) * x;
      length = std::sqrt(length);
      for (float& x : direction) x = float(x / length);
    }
    return 1.2 * std::max(length, 1.0);
  }

  void fit(const numbers& rows, std::span<const isize> labels, const linear_probe_options& options) {
    const double step = 1 / (0.5 * largest_eigenvalue(rows) + options.weight_decay);
    weights_.assign(std::size_t(classes_ * columns()), 0.0f);
    numbers ahead = weights_;
    double momentum = 1;
    for (isize n = 0; n < options.steps; ++n) {
      numbers errors = scores_of(rows, ahead);
      for (std::size_t s = 0; s < labels.size(); ++s) to_errors(errors.data() + isize(s) * classes_, labels[s]);
      const numbers gradient = gather(rows, errors);
      const double next = 0.5 * (1 + std::sqrt(1 + 4 * momentum * momentum));
      const auto look_ahead = float((momentum - 1) / next);
      momentum = next;
      for (std::size_t i = 0; i < weights_.size(); ++i) {
        const bool bias = isize(i) % columns() == width_;
        const double slope = double(gradient[i]) + (bias ? 0 : options.weight_decay * double(ahead[i]));
        const auto moved = float(double(ahead[i]) - step * slope);
        ahead[i] = moved + look_ahead * (moved - weights_[i]);
        weights_[i] = moved;
      }
    }
  }

  /// Scores of a row become its probabilities minus the target.
  void to_errors(float* row, isize label) const {
    const float most = *std::max_element(row, row + classes_);
    float sum = 0;
    for (isize c = 0; c < classes_; ++c) sum += row[c] = std::exp(row[c] - most);
    for (isize c = 0; c < classes_; ++c) row[c] = row[c] / sum - float(c == label);
  }

  isize width_ = 0, classes_ = 0;
  numbers mean_, inverse_, weights_;
};

/// The accuracy on `test` of a linear probe fitted to `train`: how well frozen features separate classes.
///     linear_probe_accuracy({train_features, train_labels}, {test_features, test_labels})
inline double linear_probe_accuracy(const labeled_features& train, const labeled_features& test,
                                    linear_probe_options options = {}) {
  detail::check_features("linear_probe", train, test);
  return linear_probe(train, options).accuracy(test);
}

}  // namespace multifuse
