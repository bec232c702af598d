#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../core/bf16.hpp"
#include "cost.hpp"
#include "memory_pool.hpp"
#include "shape.hpp"

namespace multifuse {

/// A dense array with named axes in the memory of device `D`, row-major, contiguous. A tensor is a handle: copies share
/// the elements, `clone` copies them. Memory comes from the device's pool and returns to it with the last handle.
/// Fields of the type: `device`, `shape_type`, `scalar`.
/// Example: `tensor<cpu<float>, shape<batch<>, tokens<>, width<4>>> x({8, 196});`
template <class D, class S> class tensor {
 public:
  using device = D;
  using shape_type = S;
  using scalar = typename D::scalar;
  using memory = storage<typename D::memory>;

  /// An empty handle: no elements, `data()` is null.
  tensor() = default;
  tensor(const tensor&) = default;
  tensor(tensor&& other) noexcept
      : memory_(std::move(other.memory_)), data_(std::exchange(other.data_, nullptr)), shape_(other.shape_) {}
  tensor& operator=(tensor other) noexcept {
    memory_ = std::move(other.memory_);
    data_ = other.data_;
    shape_ = other.shape_;
    return *this;
  }
  constexpr ~tensor() = default;

  /// Room for the elements of a shape, not set to anything. Throws shape_error for an empty shape.
  explicit tensor(const S& shape) : shape_(shape) {
    if (shape.size() == 0) shape.refuse("tensor", "a shape without elements", "positive extents");
    memory_ = memory(std::size_t(shape.size()) * sizeof(scalar));
    data_ = static_cast<scalar*>(memory_.address());
  }

  /// A handle to elements inside memory that is already there.
  tensor(memory owner, scalar* first, const S& shape) : memory_(std::move(owner)), data_(first), shape_(shape) {}

  /// The elements of host memory, copied to the device. Throws shape_error if their number differs from the shape's.
  tensor(const S& shape, std::span<const scalar> elements) : tensor(shape) {
    if (isize(elements.size()) != shape.size())
      throw shape_error("tensor", "wrong number of elements for " + shape.to_string(), std::to_string(shape.size()),
                        std::to_string(elements.size()));
    D::copy_from_host(data_, elements.data(), shape.size());
  }

  const S& dims() const { return shape_; }
  isize size() const { return data_ ? shape_.size() : 0; }
  explicit operator bool() const { return data_ != nullptr; }

  /// The first element in device memory. A handle to shared elements, so const does not protect them.
  scalar* data() const { return data_; }
  const memory& owner() const { return memory_; }

  /// The same elements seen with other axes. Throws shape_error if the number of elements differs.
  template <class R> tensor<D, R> reshaped(const R& other) const {
    if (other.size() != shape_.size())
      throw shape_error("tensor::reshaped", "wrong number of elements for " + other.to_string(),
                        std::to_string(shape_.size()), std::to_string(other.size()));
    return {memory_, data_, other};
  }

  /// A copy of the elements.
  tensor clone() const {
    if (!data_) return {};
    tensor copy(shape_);
    D::copy(copy.data_, data_, shape_.size());
    return copy;
  }

  tensor& fill(scalar value) {
    D::fill(data_, size(), value);
    return *this;
  }

  /// The elements in host memory.
  std::vector<scalar> to_host() const {
    std::vector<scalar> elements(static_cast<std::size_t>(size()));
    D::copy_to_host(elements.data(), data_, size());
    return elements;
  }

 private:
  memory memory_;
  scalar* data_ = nullptr;
  S shape_{};
};

/// A tensor of the meta device: a shape, and where to count what is done with it.
template <class S> class tensor<meta, S> {
 public:
  using device = meta;
  using shape_type = S;
  using scalar = float;

  constexpr tensor() = default;
  constexpr explicit tensor(const S& shape, operation_count* count = nullptr) : shape_(shape), count_(count) {}

  constexpr const S& dims() const { return shape_; }
  constexpr isize size() const { return shape_.size(); }
  constexpr operation_count* count() const { return count_; }
  template <class R> constexpr tensor<meta, R> reshaped(const R& other) const { return tensor<meta, R>(other, count_); }

 private:
  S shape_{};
  operation_count* count_ = nullptr;
};

/// The same backend with another scalar: `rebind<cpu<float>, std::int32_t>` is `cpu<std::int32_t>`.
template <class D, class T> using rebind = typename D::template with_scalar<T>;

/// The same backend for what its elements are computed with: `compute_device<cpu<bf16>>` is `cpu<float>`.
template <class D> using compute_device = rebind<D, compute_type<typename D::scalar>>;

namespace detail {
[[noreturn, gnu::cold, gnu::noinline]] inline void refuse_empty_handle() {
  throw argument_error("tensor", "an operand has no elements", "a tensor made from a shape", "an empty handle");
}
/// Refuses handles that were never given elements, or were moved from.
template <class D, class S> void require_elements(const tensor<D, S>& x) {
  if (!x) refuse_empty_handle();
}
}  // namespace detail

template <class X> inline constexpr bool is_tensor = false;
template <class D, class S> inline constexpr bool is_tensor<tensor<D, S>> = true;

/// The tensor behind a value that has one; the tape adds overloads for variables and parameters.
template <class D, class S> constexpr const tensor<D, S>& plain_tensor(const tensor<D, S>& x) { return x; }

/// A zero-filled tensor.
template <class D, class S> tensor<D, S> zeros(const S& shape) {
  return tensor<D, S>(shape).fill(typename D::scalar(0));
}

}  // namespace multifuse
