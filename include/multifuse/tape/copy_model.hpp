#pragma once
#include "../tensor/to_device.hpp"
#include "members.hpp"

namespace multifuse {

namespace detail {

/// A parameter, buffer or random stream of one model, seen without its type: what a model on another device asks of it.
struct model_leaf {
  std::string name;
  std::string shape;  ///< empty for a random stream
  const void* object;
  void (*read)(const void* object, std::vector<double>& elements);
  bool trainable;
  std::uint64_t stream;
};

template <class L> void read_leaf(const void* object, std::vector<double>& elements) {
  const auto host = static_cast<const L*>(object)->value().to_host();
  elements.assign(host.begin(), host.end());
}

template <class M> std::vector<model_leaf> leaves_of(const M& model) {
  std::vector<model_leaf> found;
  for_each_named_member(model, [&](std::string_view name, const auto& leaf) {
    using L = std::remove_cvref_t<decltype(leaf)>;
    model_leaf entry{std::string(name), {}, &leaf, nullptr, false, 0};
    if constexpr (std::is_same_v<L, random_stream>) {
      entry.stream = leaf.id;
    } else {
      (void)leaf.value();  // throws where there is none
      entry.shape = leaf.dims().to_string();
      entry.read = &read_leaf<L>;
      if constexpr (is_parameter<L>) entry.trainable = leaf.trainable();
    }
    found.push_back(std::move(entry));
  });
  return found;
}

}  // namespace detail

/// Gives a model the values, trainable flags and random streams of another one with the same members, which may live on
/// another device and have another scalar: `block<cuda<float>> there; copy_model(here, there);`. Gradients are not
/// copied, nor is what the models' `members` do not list. Memory bound by `arrange` stays bound.
/// Throws argument_error where names differ or `from` has no values, shape_error where shapes differ; then `to` is
/// unchanged.
template <class From, class To> void copy_model(const From& from, To& to) {
  const auto source = detail::leaves_of(from);
  const auto refuse = [](const char* problem, const std::string& expected, const std::string& got) {
    throw argument_error("copy_model", problem, expected, got);
  };
  std::size_t next = 0;
  for_each_named_member(to, [&](std::string_view name, auto& leaf) {
    using L = std::remove_cvref_t<decltype(leaf)>;
    if (next == source.size()) refuse("the model copied from has fewer members", std::string(name), "no more");
    const detail::model_leaf& other = source[next++];
    if (other.name != name) refuse("the models have different members", std::string(name), other.name);
    std::string shape;
    if constexpr (!std::is_same_v<L, random_stream>) shape = leaf.dims().to_string();
    if (other.shape != shape) throw shape_error("copy_model", "wrong shape of " + other.name, shape, other.shape);
  });
  if (next != source.size()) refuse("the model copied from has more members", "no more", source[next].name);
  std::vector<double> elements;
  next = 0;
  for_each_named_member(to, [&](std::string_view, auto& leaf) {
    using L = std::remove_cvref_t<decltype(leaf)>;
    const detail::model_leaf& other = source[next++];
    if constexpr (std::is_same_v<L, random_stream>) {
      leaf.id = other.stream;
    } else {
      other.read(other.object, elements);
      const std::vector<typename L::scalar> values(elements.begin(), elements.end());
      if (leaf.has_value())
        leaf.assign(values);
      else
        leaf.bind(tensor<typename L::device, typename L::shape_type>({}, std::span<const typename L::scalar>(values)));
      if constexpr (is_parameter<L>) leaf.set_trainable(other.trainable);
    }
  });
}

}  // namespace multifuse
