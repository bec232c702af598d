#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <multifuse/io/storage_type.hpp>
#include <multifuse/tape/members.hpp>

namespace multifuse::detail {

/// A parameter or buffer of a model, seen by files: name, element type, shape, and its bytes in host memory. Refers to
/// the model, which must stay where it is.
class model_tensor {
 public:
  template <class Leaf>
  model_tensor(std::string_view full_name, Leaf& leaf)
      : name(full_name),
        type(storage_type_of<typename Leaf::scalar>()),
        shape(Leaf::shape_type::static_extents.begin(), Leaf::shape_type::static_extents.end()),
        count(Leaf::count),
        leaf_(&leaf),
        actions_(&actions_of<Leaf>) {}

  std::string name;
  storage_type type;
  std::vector<isize> shape;
  isize count;

  std::size_t byte_size() const { return static_cast<std::size_t>(count) * describe(type).bytes; }

  /// Whether it is a parameter that is trained, and so has a gradient.
  bool trained() const { return actions_->trained(leaf_); }

  /// The values; throws argument_error, which names the tensor, when there are none yet.
  std::vector<std::byte> value() const {
    if (!actions_->has_value(leaf_))
      throw argument_error(name, "has no values yet", "a call of initialize or load", "");
    return copied(actions_->value);
  }

  /// The gradient, zeros where none arrived.
  std::vector<std::byte> gradient() const { return copied(actions_->gradient); }

  /// Makes room for values, so that `assign` cannot fail for want of memory.
  void reserve() const { actions_->reserve(leaf_); }

  /// Sets the values from `byte_size()` bytes.
  void assign(const std::byte* bytes) const {
    reserve();
    actions_->assign(leaf_, bytes);
  }

 private:
  struct actions {
    bool (*trained)(const void*);
    bool (*has_value)(const void*);
    void (*value)(const void*, std::byte*);
    void (*gradient)(const void*, std::byte*);
    void (*reserve)(void*);
    void (*assign)(void*, const std::byte*);
  };

  std::vector<std::byte> copied(void (*read)(const void*, std::byte*)) const {
    std::vector<std::byte> bytes(byte_size());
    read(leaf_, bytes.data());
    return bytes;
  }

  // vectors of bytes are aligned for every scalar: they come from operator new
  template <class Leaf>
  static constexpr actions actions_of{
      .trained =
          []([[maybe_unused]] const void* leaf) {
            if constexpr (is_parameter<Leaf>)
              return static_cast<const Leaf*>(leaf)->trainable();
            else
              return false;
          },
      .has_value = [](const void* leaf) { return static_cast<const Leaf*>(leaf)->has_value(); },
      .value =
          [](const void* leaf, std::byte* to) {
            Leaf::device::copy_to_host(reinterpret_cast<typename Leaf::scalar*>(to),
                                       static_cast<const Leaf*>(leaf)->value().data(), Leaf::count);
          },
      .gradient =
          []([[maybe_unused]] const void* leaf, [[maybe_unused]] std::byte* to) {
            if constexpr (is_parameter<Leaf>) {
              if (const auto found = static_cast<const Leaf*>(leaf)->gradient())
                Leaf::device::copy_to_host(reinterpret_cast<typename Leaf::scalar*>(to), found.data(), Leaf::count);
            }
          },
      .reserve =
          [](void* leaf) {
            auto& object = *static_cast<Leaf*>(leaf);
            if (!object.has_value())
              object.bind(tensor<typename Leaf::device, typename Leaf::shape_type>(object.dims()));
          },
      .assign =
          [](void* leaf, const std::byte* from) {
            const auto* const values = reinterpret_cast<const typename Leaf::scalar*>(from);
            static_cast<Leaf*>(leaf)->assign({values, std::size_t(Leaf::count)});
          }};

  void* leaf_;
  const actions* actions_;
};

/// The parameters and buffers of a model, in the order of its `members`.
template <class M> std::vector<model_tensor> tensors_of(const M& model) {
  std::vector<model_tensor> result;
  for_each_named_member(const_cast<M&>(model), [&](std::string_view name, auto& leaf) {
    using L = std::remove_cvref_t<decltype(leaf)>;
    if constexpr (is_parameter<L> || is_buffer<L>) result.emplace_back(name, leaf);
  });
  return result;
}

/// Layers that draw random numbers get their identity where `initialize` has not given it: from their names, as there.
template <class M> void name_random_streams(M& model) {
  for_each_named_member(model, [](std::string_view name, auto& leaf) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(leaf)>, random_stream>)
      if (leaf.id == 0) leaf.id = random_key{}.split(name).stream;
  });
}

/// Names for a message: the first few, in quotes, and how many more there are.
inline std::string names_text(const std::vector<std::string>& names) {
  constexpr std::size_t most = 6;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < most; ++i) text.append(i ? ", '" : "'").append(names[i]).append("'");
  if (names.size() > most) text.append(" and ").append(std::to_string(names.size() - most)).append(" more");
  return text;
}

}  // namespace multifuse::detail
