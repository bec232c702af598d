#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#ifdef __CUDACC__
#include <multifuse/backend/cuda/cuda.hpp>
#else
#include <multifuse/backend/cpu/cpu.hpp>
#endif
#include <multifuse/io/official.hpp>
#include <multifuse/tape/evaluate.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// Golden tensors: what the authors' code computed. The file knows which of its tensors a test has used, so that none is
/// forgotten: end a test with `require_all_used`.
namespace golden {

namespace mf = multifuse;
using mf::isize;

/// A CUDA compiler makes a golden test one of the GPU.
#ifdef __CUDACC__
template <class T> using device = mf::cuda<T>;
#else
template <class T> using device = mf::cpu<T>;
#endif

/// Bounds of the largest difference, relative to the tensor's largest magnitude, in float32.
inline constexpr double output_tolerance = 1e-5, loss_tolerance = 1e-5, gradient_tolerance = 1e-4;

inline double largest(const std::vector<float>& values) {
  double most = 0;
  for (float v : values) most = std::max(most, std::abs(double(v)));
  return most;
}

class file {
 public:
  explicit file(std::string_view path) : file_(std::filesystem::path(std::string(path))) {}

  const mf::safetensors_file& contents() const { return file_; }
  bool has(std::string_view name) const { return file_.contains(name); }

  /// The elements of a tensor, which count as used.
  std::vector<float> values(std::string_view name) {
    used_.insert(std::string(name));
    return file_.read<float>(name);
  }

  /// A tensor with our axes; the number of elements must agree.
  template <class D, class S> mf::tensor<D, S> tensor(std::string_view name, const S& shape) {
    const auto elements = values(name);
    INFO("golden tensor " << std::string(name) << " as " << shape.to_string());
    REQUIRE(isize(elements.size()) == shape.size());
    std::vector<typename D::scalar> converted(elements.begin(), elements.end());
    return {shape, std::span<const typename D::scalar>(converted)};
  }

  /// Compares what we computed with a tensor of the file. `floor`: the scale is at least this, for tensors that are zero
  /// but for rounding.
  void expect(std::string_view name, const std::vector<float>& ours, double tolerance, double floor = 0) {
    const auto theirs = values(name);
    REQUIRE_MESSAGE(ours.size() == theirs.size(), std::string(name));
    const double scale = std::max(largest(theirs), floor);
    double worst = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const double off = std::abs(double(ours[i]) - double(theirs[i]));
      worst = off <= worst ? worst : off;  // NaN wins
    }
    worst_ = std::max(worst_, worst / (scale > 0 ? scale : 1) / tolerance);
    INFO(std::string(name) << ": off by " << worst << ", scale " << scale << ", tolerance " << tolerance);
    CHECK(worst <= tolerance * scale);
  }
  template <mf::value X> void expect(std::string_view name, const X& ours, double tolerance, double floor = 0) {
    const auto elements = mf::plain_tensor(mf::evaluate(ours)).to_host();
    expect(name, std::vector<float>(elements.begin(), elements.end()), tolerance, floor);
  }

  /// Loads the parameters whose names begin with `prefix` into a model; they count as used.
  template <class M> void load(M& model, const mf::name_table& table, std::string_view prefix = "param.") {
    mf::load_official(file_, model, table, prefix);
    for (const auto& entry : table.entries()) used_.insert(std::string(prefix) + entry.official);
  }

  /// Compares the gradients of a model with all tensors of the file that begin with `prefix` and have a name of the
  /// table; returns how many. Trained parameters without a golden gradient must have none, if `complete`. Gradients whose
  /// name ends with one of `vanishing` are zero but for rounding (a bias of keys shifts all scores of a query alike): they
  /// are compared relative to a hundredth of the largest gradient.
  template <class M>
  int expect_gradients(const M& model, const mf::name_table& table, std::string_view prefix, bool complete,
                       const std::vector<std::string_view>& vanishing = {}) {
    int compared = 0;
    double overall = 0;
    for (const auto& name : file_.names())
      if (name.starts_with(prefix)) overall = std::max(overall, largest(file_.read<float>(name)));
    mf::for_each_official(model, table, mf::official_content::gradient,
                          [&](const std::string& name, const auto&, const std::vector<float>& ours) {
                            const std::string full = std::string(prefix) + name;
                            if (has(full)) {
                              const bool vanishes = std::any_of(vanishing.begin(), vanishing.end(),
                                                                [&](auto end) { return name.ends_with(end); });
                              expect(full, ours, gradient_tolerance, vanishes ? 0.01 * overall : 0);
                              ++compared;
                            } else if (complete) {
                              INFO("a gradient that the official code does not have: " << name);
                              CHECK(largest(ours) == 0);
                            }
                          });
    return compared;
  }

  /// Tensors that a test leaves aside, and why.
  void set_aside(std::string_view prefix, std::string_view reason) {
    REQUIRE(!reason.empty());
    for (const auto& name : file_.names())
      if (name.starts_with(prefix)) used_.insert(std::string(name));
  }

  void require_all_used() const {
    for (const auto& name : file_.names()) {
      INFO("golden tensor that no check used: " << std::string(name));
      CHECK(used_.contains(std::string(name)));
    }
    MESSAGE("largest difference: " << worst_ << " of what is allowed");
  }

 private:
  mf::safetensors_file file_;
  std::set<std::string> used_;
  double worst_ = 0;
};

}  // namespace golden
