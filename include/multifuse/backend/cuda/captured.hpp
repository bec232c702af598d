#pragma once
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "../../core/pack.hpp"
#include "../../tensor/expression.hpp"

/// When a recorded pass is replayed and when it is recorded again. Without CUDA, so that it is tested without a GPU.
namespace multifuse::detail {

/// What a pass returned, with elements: an expression is computed.
template <class Y> auto settled(const Y& y) {
  if constexpr (is_pointwise<Y>)
    return evaluate(y);
  else
    return y;
}

/// A pass over inputs of fixed extents, recorded once and replayed for every later call with such inputs. The
/// `Recorder` holds the recording: `record(work)` notes down what a callable gives to the device, `replay()` does it,
/// `forget()` drops it, and `setting()` tells what else a recording depends on.
template <class Recorder, class Pass, class... X> class captured_pass {
 public:
  using result_type = decltype(settled(std::declval<const Pass&>()(std::declval<const X&>()...)));

  /// Recorded at the first call.
  explicit captured_pass(Pass pass) : pass_(std::move(pass)) {}
  captured_pass(const captured_pass&) = delete;
  captured_pass& operator=(const captured_pass&) = delete;

  /// The result for these inputs, valid until the next call. (Inputs are handles: a result may be one of them.)
  const result_type& operator()(X... inputs) {
    (require_elements(inputs), ...);
    std::vector<isize> wanted = key(inputs...);
    if (wanted == key_) {
      first_result_.reset();
      copy_inputs(std::index_sequence_for<X...>(), inputs...);
      recorder_.replay();
      return *recorded_result_;
    }
    forget();
    // done at once: checks the inputs, and leaves nothing to be set up while the pass is recorded
    first_result_.emplace(settled(pass_(inputs...)));
    inputs_ = make_pack(inputs.clone()...);
    recorder_.record([this] { recorded_result_.emplace(run(std::index_sequence_for<X...>())); });
    key_ = std::move(wanted);
    ++recordings_;
    return *first_result_;
  }

  /// How often the pass was recorded.
  isize recordings() const { return recordings_; }

  /// Drops the recording and its memory, so that the next call makes another.
  void forget() {
    key_.clear();
    recorder_.forget();  // before the memory that it writes to
    recorded_result_.reset();
    first_result_.reset();
    inputs_ = {};
  }

 private:
  template <std::size_t... I> result_type run(std::index_sequence<I...>) { return settled(pass_(get<I>(inputs_)...)); }
  template <std::size_t... I> void copy_inputs(std::index_sequence<I...>, const X&... inputs) {
    (X::device::copy(get<I>(inputs_).data(), inputs.data(), inputs.size()), ...);
  }
  std::vector<isize> key(const X&... inputs) const {
    std::vector<isize> found{recorder_.setting()};
    const auto add = [&](const auto& shape) {
      for (std::size_t i = 0; i < std::remove_cvref_t<decltype(shape)>::rank; ++i) found.push_back(shape[i]);
    };
    (add(inputs.dims()), ...);
    return found;
  }
  Pass pass_;
  Recorder recorder_;
  pack<X...> inputs_{};
  std::optional<result_type> first_result_, recorded_result_;
  std::vector<isize> key_;  // of the recording; empty without one
  isize recordings_ = 0;
};

}  // namespace multifuse::detail
