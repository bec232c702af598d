#pragma once
#include "../tensor/tensor.hpp"

namespace multifuse {

/// The memory of one gradient, allocated when the first contribution arrives.
template <class D> struct gradient_slot {
  using scalar = typename D::scalar;
  storage<typename D::memory> memory;
  scalar* data = nullptr;
  bool filled = false;  ///< holds a contribution: the next one is added
};

template <> struct gradient_slot<meta> {};

/// Where the gradient of an operand goes. Converts to false if nobody wants it: then its arithmetic can be skipped.
template <class D, class S> class gradient_sink {
 public:
  using scalar = typename D::scalar;

  gradient_sink() = default;
  gradient_sink(gradient_slot<D>* slot, const S& shape) : slot_(slot), shape_(shape) {}

  explicit operator bool() const { return slot_ != nullptr; }
  const S& dims() const { return shape_; }

  /// The same gradient, seen with other axes of as many elements.
  template <class R> gradient_sink<D, R> reshaped(const R& other) const { return {slot_, other}; }

  /// Memory to write a contribution to: y = contribution + beta * y, with beta 0 for the first one and 1 later.
  struct target {
    scalar* data;
    scalar beta;
  };
  target open() const {
    allocate();
    return {slot_->data, scalar(std::exchange(slot_->filled, true) ? 1 : 0)};
  }

  /// Memory to add contributions to, element by element.
  scalar* add_to() const {
    allocate();
    if (!std::exchange(slot_->filled, true)) D::fill(slot_->data, shape_.size(), scalar(0));
    return slot_->data;
  }

  /// A contribution in memory that nobody else uses: taken over if it is the first one, added otherwise.
  template <class R> void give(const tensor<D, R>& contribution) const {
    if (slot_->data) {
      const target to = open();
      D::sum(1, 1, shape_.size(), contribution.data(), to.beta, to.data);
    } else {
      *slot_ = {contribution.owner(), contribution.data(), true};
    }
  }

  /// The gradient so far, null data if there is none.
  tensor<D, S> current() const {
    return slot_ && slot_->filled ? tensor<D, S>(slot_->memory, slot_->data, shape_) : tensor<D, S>();
  }

  /// The gradient so far, which is forgotten here.
  tensor<D, S> take() const {
    tensor<D, S> taken = current();
    if (slot_) *slot_ = {};
    return taken;
  }

 private:
  void allocate() const {
    if (slot_->data) return;
    slot_->memory = storage<typename D::memory>(std::size_t(shape_.size()) * sizeof(scalar));
    slot_->data = static_cast<scalar*>(slot_->memory.address());
  }

  gradient_slot<D>* slot_ = nullptr;
  S shape_{};
};

}  // namespace multifuse
