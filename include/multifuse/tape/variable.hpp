#pragma once
#include "../tensor/expression.hpp"
#include "gradient.hpp"
#include "tape.hpp"

namespace multifuse {

/// A tensor on a tape: what is computed from it is recorded. A handle like a tensor.
template <class D, class S> class variable {
 public:
  using device = D;
  using shape_type = S;
  using scalar = typename D::scalar;

  variable(tape& recorder, tensor<D, S> value, gradient_slot<D>* slot)
      : tape_(&recorder), value_(std::move(value)), slot_(slot) {}

  const S& dims() const { return value_.dims(); }
  isize size() const { return value_.size(); }
  const tensor<D, S>& value() const { return value_; }
  tape& recorder() const { return *tape_; }
  gradient_slot<D>* slot() const { return slot_; }

  /// Where contributions to this variable's gradient go.
  gradient_sink<D, S> sink() const { return {slot_, value_.dims()}; }

  /// The gradient after `backward`, for a variable made by `watch`. Throws argument_error if it has none: it was not
  /// watched, it is an intermediate result, or nothing depends on it.
  tensor<D, S> gradient() const {
    auto found = sink().current();
    if (!found)
      throw argument_error("variable::gradient", "no gradient arrived here", "a watched input of the loss", "");
    return found;
  }

 private:
  tape* tape_;
  tensor<D, S> value_;
  gradient_slot<D>* slot_;
};

template <class X> inline constexpr bool is_variable = false;
template <class D, class S> inline constexpr bool is_variable<variable<D, S>> = true;
template <class D, class S> inline constexpr bool is_leaf<variable<D, S>> = true;

template <class D, class S> const tensor<D, S>& plain_tensor(const variable<D, S>& x) { return x.value(); }

/// Puts data on a tape: what follows is recorded, and parameters get gradients; the data itself does not.
template <class D, class S> variable<D, S> record(tape& recorder, const tensor<D, S>& x) {
  return {recorder, x, nullptr};
}

/// Puts data on a tape and keeps its own gradient too.
template <class D, class S> variable<D, S> watch(tape& recorder, const tensor<D, S>& x) {
  return {recorder, x, recorder.keep(gradient_slot<D>{})};
}

/// Stops the gradient here: the same value, still on its tape.
template <class D, class S> variable<D, S> detach(const variable<D, S>& x) {
  return {x.recorder(), x.value(), nullptr};
}
template <class D, class S> constexpr tensor<D, S> detach(const tensor<D, S>& x) { return x; }

/// Leaves the tape: what is computed from the result is inference.
template <class D, class S> tensor<D, S> no_grad(const variable<D, S>& x) { return x.value(); }
template <class D, class S> constexpr tensor<D, S> no_grad(const tensor<D, S>& x) { return x; }

/// Gives `y` the gradient `cotangent`, added to what it has, before `tape::run_backward`.
template <class D, class S> void seed_gradient(const variable<D, S>& y, const tensor<D, S>& cotangent) {
  if (!y.sink())
    throw argument_error("seed_gradient", "the variable does not depend on anything with a gradient", "", "");
  if (!(cotangent.dims() == y.dims()))
    throw shape_error("seed_gradient", "wrong shape", y.dims().to_string(), cotangent.dims().to_string());
  auto to = y.sink().open();
  D::sum(1, 1, y.size(), cotangent.data(), to.beta, to.data);
}

/// Computes the gradients of `y`, weighted by `cotangent`, for every parameter and watched variable it depends on.
template <class D, class S> void backward(const variable<D, S>& y, const tensor<D, S>& cotangent) {
  seed_gradient(y, cotangent);
  y.recorder().run_backward();
}

/// Computes the gradients of a loss. Throws shape_error unless it is a single number.
template <class D, class S> void backward(const variable<D, S>& loss) {
  if (loss.size() != 1)
    throw shape_error("backward", "the loss is not a single number", "1 element", loss.dims().to_string());
  tensor<D, S> one(loss.dims());
  backward(loss, one.fill(typename D::scalar(1)));
}

}  // namespace multifuse
