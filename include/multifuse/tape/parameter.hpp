#pragma once
#include <span>

#include "../tensor/backend.hpp"
#include "initializer.hpp"
#include "variable.hpp"

namespace multifuse {

/// Values that belong to a model: what parameters and buffers have in common. Copies are deep.
template <class D, class... Axes> class stored_tensor {
 public:
  using device = D;
  using shape_type = shape<Axes...>;
  using scalar = typename D::scalar;
  static_assert(shape_type::dynamic_axes == 0, "multifuse: parameters and buffers have static extents");
  static constexpr isize count = (Axes::extent * ... * 1);

  constexpr explicit stored_tensor(initializer start) : start_(start) {}
  stored_tensor(const stored_tensor& other) : start_(other.start_) {
    if (other.value_) value_ = other.value_.clone();
  }
  constexpr stored_tensor(stored_tensor&&) noexcept = default;
  stored_tensor& operator=(stored_tensor other) noexcept {
    start_ = other.start_;
    value_ = std::move(other.value_);
    return *this;
  }
  constexpr ~stored_tensor() = default;

  constexpr shape_type dims() const { return {}; }
  bool has_value() const { return bool(value_); }

  /// Throws argument_error before `initialize` or a load gave it values.
  const tensor<D, shape_type>& value() const {
    if (!value_) throw argument_error("parameter", "has no values yet", "a call of initialize or load", "");
    return value_;
  }

  const initializer& start() const { return start_; }
  constexpr void set_start(initializer start) { start_ = start; }

  /// Takes other memory for the values, as `arrange` does to make a model's values contiguous.
  void bind(tensor<D, shape_type> memory) { value_ = std::move(memory); }

  /// Overwrites the values that are there.
  void assign(std::span<const scalar> values) {
    D::copy_from_host(value().data(), values.data(), count);
    value().owner().note_change();
  }

 private:
  initializer start_;
  tensor<D, shape_type> value_;
};

namespace detail {

/// A matrix in the order in which a backend's products read it, as long as the values are those it was made of.
template <class D> class packed_copy {
 public:
  constexpr explicit operator bool() const { return false; }
};
template <packs_weights D> class packed_copy<D> {
 public:
  using memory = storage<typename D::memory>;

  template <class S> void make(const tensor<D, S>& values, memory owner, typename D::scalar* place) {
    D::pack(place, values.dims()[0], values.dims()[1], values.data());
    owner_ = std::move(owner);
    elements_ = place;
    changes_ = values.owner().changes();
    packing_ = D::packing();
  }
  template <class S> const void* of(const tensor<D, S>& values) const {
    return changes_ == values.owner().changes() && packing_ == D::packing() ? elements_ : nullptr;
  }
  constexpr explicit operator bool() const { return elements_ != nullptr; }

 private:
  memory owner_;
  typename D::scalar* elements_ = nullptr;
  std::uint64_t changes_ = 0;
  isize packing_ = 0;
};

}  // namespace detail

/// Weights of a layer: values, a gradient, and whether they are trained. Used in a call with variables they collect
/// gradients; used with tensors they are constants. The gradient is written through const references: several tapes may
/// record one model at once, but their backward passes must follow one another.
template <class D, class... Axes> class parameter : public stored_tensor<D, Axes...> {
 public:
  using base = stored_tensor<D, Axes...>;
  using typename base::shape_type;
  static_assert(!std::is_integral_v<typename D::scalar>, "multifuse: parameters are floating-point numbers");

  constexpr explicit parameter(initializer start = init::zeros()) : base(start) {}
  parameter(const parameter& other) : base(other), trainable_(other.trainable_) {
    if (other.slot_) slot_ = new gradient_slot<D>;
  }
  constexpr parameter(parameter&& other) noexcept
      : base(std::move(other)), packed_(std::move(other.packed_)), slot_(std::exchange(other.slot_, nullptr)),
        trainable_(other.trainable_) {}
  parameter& operator=(parameter other) noexcept {
    base::operator=(std::move(static_cast<base&>(other)));
    std::swap(slot_, other.slot_);
    packed_ = std::move(other.packed_);
    trainable_ = other.trainable_;
    return *this;
  }
  constexpr ~parameter() {
    if (slot_) delete slot_;
  }

  bool trainable() const { return trainable_; }
  /// A frozen parameter keeps no gradient; gradients still flow through the layer that uses it.
  constexpr void set_trainable(bool trainable) {
    trainable_ = trainable;
    if (!trainable && slot_) *slot_ = {};
  }

  void bind(tensor<D, shape_type> memory) {
    base::bind(std::move(memory));
    packed_ = {};
    if (!slot_) slot_ = new gradient_slot<D>;
  }

  /// Keeps a second copy of a matrix of weights at a place in `owner`'s memory, in the order in which the backend's
  /// products read it, until the values change; see `pack_weights`.
  template <class Owner>
    requires packs_weights<D>
  void pack(Owner owner, typename D::scalar* place) {
    packed_.make(base::value(), std::move(owner), place);
  }
  /// That copy, null if there is none.
  constexpr const void* packed() const {
    // a model of the meta device has no values to ask for
    if constexpr (packs_weights<D>) return packed_ ? packed_.of(base::value()) : nullptr;
    return nullptr;
  }

  gradient_sink<D, shape_type> sink() const { return {trainable_ ? slot_ : nullptr, shape_type{}}; }

  /// The gradient, an empty tensor if none arrived.
  tensor<D, shape_type> gradient() const { return sink().current(); }
  /// Forgets the gradient. Its memory, which may be seen through a buffer of all gradients, is set to zero.
  void clear_gradient() {
    if (!slot_ || !slot_->data) return;
    D::fill(slot_->data, base::count, typename D::scalar(0));
    slot_->filled = false;
  }
  /// Takes other memory for the gradient; the parameter must have values.
  void bind_gradient(gradient_slot<D> memory) { *slot_ = std::move(memory); }

 private:
  [[no_unique_address]] detail::packed_copy<D> packed_;  // not copied along: copies have values of their own
  gradient_slot<D>* slot_ = nullptr;  // own; at a fixed address, which tapes remember
  bool trainable_ = true;
};

/// State of a layer that is saved with it but not trained by gradients: running statistics, queues, tables. Layers may
/// write it through const references (training mode only).
template <class D, class... Axes> class buffer : public stored_tensor<D, Axes...> {
 public:
  constexpr explicit buffer(initializer start = init::zeros()) : stored_tensor<D, Axes...>(start) {}
};

template <class X> inline constexpr bool is_parameter = false;
template <class D, class... A> inline constexpr bool is_parameter<parameter<D, A...>> = true;
template <class X> inline constexpr bool is_buffer = false;
template <class D, class... A> inline constexpr bool is_buffer<buffer<D, A...>> = true;
template <class D, class... A> inline constexpr bool is_leaf<parameter<D, A...>> = true;
template <class D, class... A> inline constexpr bool is_leaf<buffer<D, A...>> = true;

template <class D, class... A> const tensor<D, shape<A...>>& plain_tensor(const parameter<D, A...>& x) {
  return x.value();
}
template <class D, class... A> const tensor<D, shape<A...>>& plain_tensor(const buffer<D, A...>& x) {
  return x.value();
}

/// How an expression refers to a parameter or buffer without copying it.
template <class P> struct reference_to {
  using device = typename P::device;
  using shape_type = typename P::shape_type;
  const P* object;
  constexpr shape_type dims() const { return {}; }
};
template <class P> inline constexpr bool is_leaf<reference_to<P>> = true;
template <class P> const auto& plain_tensor(const reference_to<P>& x) { return x.object->value(); }

}  // namespace multifuse
