#pragma once
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <multifuse/io/model_tensor.hpp>
#include <multifuse/io/safetensors.hpp>
#include <multifuse/io/safetensors_write.hpp>

namespace multifuse {
namespace detail {

/// A tensor that is saved and restored, wherever it lives.
struct checkpoint_tensor {
  std::string name;
  storage_type type;
  std::vector<isize> shape;
  std::function<std::vector<std::byte>()> read;
  std::function<void()> reserve;
  std::function<void(const std::byte*)> write;
};

/// A number that is saved as a text from which it can be restored exactly.
struct checkpoint_number {
  std::string name, text;
  std::function<bool(std::string_view, bool)> parse;  // whether it could; sets the number when told to
};

/// Accepts whatever an object shows of itself; a struct, because nvcc finds no lambda inside a concept.
struct shows_anything {
  template <class... X> constexpr void operator()(X&&...) const {}
};
template <class Object>
concept has_state = requires(Object& object) {
  object.for_each_state(shows_anything{});
};

/// What a checkpoint consists of, in the order in which it was listed.
class checkpoint_content {
 public:
  std::vector<checkpoint_tensor> tensors;
  std::vector<checkpoint_number> numbers;

  template <class Object> void add(const std::string& name, Object& object) {
    if constexpr (std::is_arithmetic_v<Object>) {
      add_number(name, object);
    } else if constexpr (has_state<Object>) {
      object.for_each_state([&]<class X>(const std::string& part, X&& state) {
        if constexpr (is_tensor<std::remove_cvref_t<X>>)
          add_tensor(below(name, part), state);
        else
          add_number(below(name, part), state);
      });
    } else {
      for (auto& one : tensors_of(object))
        tensors.push_back({below(name, one.name), one.type, one.shape, [one] { return one.value(); },
                           [one] { one.reserve(); }, [one](const std::byte* from) { one.assign(from); }});
    }
  }

 private:
  static std::string below(const std::string& name, const std::string& part) {
    return name.empty() ? part : name + "." + part;
  }

  template <class T> void add_number(const std::string& name, T& number) {
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, number).ptr;
    numbers.push_back({name, std::string(text, end), [&number](std::string_view given, bool set) {
                         T parsed{};
                         const auto [stop, code] = std::from_chars(given.data(), given.data() + given.size(), parsed);
                         if (code != std::errc() || stop != given.data() + given.size()) return false;
                         if (set) number = parsed;
                         return true;
                       }});
  }

  template <class D, class S> void add_tensor(const std::string& name, const tensor<D, S>& state) {
    using T = typename D::scalar;
    const auto& extents = state.dims().extents();
    tensors.push_back({name, storage_type_of<T>(), std::vector<isize>(extents.begin(), extents.end()),
                       [state] {
                         std::vector<std::byte> bytes(static_cast<std::size_t>(state.size()) * sizeof(T));
                         D::copy_to_host(reinterpret_cast<T*>(bytes.data()), state.data(), state.size());
                         return bytes;
                       },
                       [] {},
                       [state](const std::byte* from) {
                         D::copy_from_host(state.data(), reinterpret_cast<const T*>(from), state.size());
                       }});
  }
};

inline void write_checkpoint(const std::filesystem::path& path, const checkpoint_content& content) {
  safetensors_writer writer;
  for (const auto& number : content.numbers) writer.metadata(number.name, number.text);
  std::vector<std::vector<std::byte>> kept;
  for (const auto& one : content.tensors) {
    kept.push_back(one.read());
    writer.add(one.name, one.type, kept.back(), one.shape);
  }
  writer.write(path);
}

/// Compares the names in the file that begin with `prefix` with those that are wanted.
inline void compare_names(const std::string& where, const char* kind, const std::vector<std::string>& there,
                          std::set<std::string> wanted, std::string_view prefix) {
  std::vector<std::string> unknown;
  for (const auto& name : there)
    if (name.starts_with(prefix) && wanted.erase(name) == 0) unknown.push_back(name);
  const std::vector<std::string> missing(wanted.begin(), wanted.end());
  if (!missing.empty())
    throw file_error(where, std::string(kind) + " are missing", names_text(missing),
                     unknown.empty() ? "" : "unknown ones: " + names_text(unknown));
  if (!unknown.empty()) throw file_error(where, std::string(kind) + " that nothing asks for", "", names_text(unknown));
}

/// Types that models store weights in and that convert to each other when they are loaded.
inline bool is_weight(storage_type type) { return type == storage_type::bf16 || type == storage_type::f32; }

/// The bytes of a tensor in a file, of its own type or converted to another weight.
inline std::vector<std::byte> bytes_as(const safetensors_file& file, const std::string& name, storage_type type) {
  const auto& stored = file.at(name);
  std::vector<std::byte> bytes(stored.bytes.begin(), stored.bytes.end());  // which lie at any alignment
  if (stored.dtype == type) return bytes;
  with_storage_type(type, [&]<class T>(T) {
    if constexpr (storage_number<T>) {
      const std::vector<T> values = file.read<T>(name);
      const auto converted = std::as_bytes(std::span(values));
      bytes.assign(converted.begin(), converted.end());
    }
  });
  return bytes;
}

inline void read_checkpoint(const safetensors_file& file, const checkpoint_content& content, std::string_view prefix,
                            bool with_numbers) {
  const std::string where = file.path().string();
  std::set<std::string> names;
  for (const auto& one : content.tensors) names.insert(one.name);
  compare_names(where, "tensors", file.names(), std::move(names), prefix);
  std::vector<std::string> wrong;
  for (const auto& one : content.tensors) {
    const auto& found = file.at(one.name);
    const auto text = [](storage_type type, const std::vector<isize>& shape) {
      return std::string(describe(type).name) + " " + shape_text(shape);
    };
    const bool converts = found.dtype == one.type || (is_weight(found.dtype) && is_weight(one.type));
    if (!converts || found.shape != one.shape)
      wrong.push_back(one.name + " " + text(found.dtype, found.shape) + " for " + text(one.type, one.shape));
  }
  if (!wrong.empty()) throw file_error(where, "wrong types or shapes", "", names_text(wrong));
  if (with_numbers) {
    std::vector<std::string> there;
    for (const auto& [name, text] : file.metadata()) there.push_back(name);
    names.clear();
    for (const auto& number : content.numbers) names.insert(number.name);
    compare_names(where, "numbers", there, std::move(names), {});
    for (const auto& number : content.numbers)
      if (const auto& text = file.metadata().at(number.name); !number.parse(text, false))
        throw file_error(where, "unusable number " + in_quotes(number.name), "one like " + number.text,
                         in_quotes(text));
  }
  for (const auto& one : content.tensors) one.reserve();
  for (const auto& one : content.tensors) one.write(bytes_as(file, one.name, one.type).data());
  if (with_numbers)
    for (const auto& number : content.numbers) number.parse(file.metadata().at(number.name), true);
}

inline void list_objects(checkpoint_content&) {}
template <class Object, class... Rest>
void list_objects(checkpoint_content& content, std::string_view name, Object& object, Rest&... rest) {
  content.add(std::string(name), object);
  list_objects(content, rest...);
}

/// Layers without an identity get one; see `name_random_streams`.
template <class Object> void name_streams_of([[maybe_unused]] Object& object) {
  if constexpr (!std::is_arithmetic_v<Object> && !has_state<Object>) name_random_streams(object);
}
inline void name_all_streams() {}
template <class Object, class... Rest> void name_all_streams(std::string_view, Object& object, Rest&... rest) {
  name_streams_of(object);
  name_all_streams(rest...);
}

}  // namespace detail

/// Writes the state of a training run as a safetensors file, all or nothing: names and objects in turns. An object is
/// - a model, or anything with `members(visit)`: its parameters and buffers, as "name.dotted.name";
/// - anything with `for_each_state(f)` that calls `f(name, tensor)` and `f(name, number)`, such as an optimizer;
/// - a number: the step, a seed, the best result so far. Numbers stand in the file's metadata.
///
///     save_checkpoint("run.safetensors", "model", model, "optimizer", optimizer, "step", step);
///
/// Throws argument_error for a name that comes twice or a model without values, file_error when the system refuses.
template <class... NamesAndObjects>
void save_checkpoint(const std::filesystem::path& path, const NamesAndObjects&... names_and_objects) {
  static_assert(sizeof...(NamesAndObjects) % 2 == 0, "multifuse: a checkpoint is a list of names and objects in turns");
  detail::checkpoint_content content;
  detail::list_objects(content, const_cast<NamesAndObjects&>(names_and_objects)...);
  detail::write_checkpoint(path, content);
}

/// Restores what `save_checkpoint` wrote, given the same names and objects, bit for bit; weights of bf16
/// and of float convert to each other. Everything is checked before
/// anything changes: throws file_error for a file that cannot be read or is damaged, for names that are missing or that
/// nothing asks for, and for wrong types, shapes or numbers.
template <class... NamesAndObjects>
void load_checkpoint(const std::filesystem::path& path, NamesAndObjects&&... names_and_objects) {
  static_assert(sizeof...(NamesAndObjects) % 2 == 0, "multifuse: a checkpoint is a list of names and objects in turns");
  detail::checkpoint_content content;
  detail::list_objects(content, names_and_objects...);
  detail::read_checkpoint(safetensors_file(path), content, {}, true);
  detail::name_all_streams(names_and_objects...);
}

/// Writes the parameters and buffers of a model under their dotted names, all or nothing.
/// Throws argument_error when it has no values, file_error when the system refuses.
template <class M> void save_model(const std::filesystem::path& path, const M& model) {
  detail::checkpoint_content content;
  content.add({}, const_cast<M&>(model));
  detail::write_checkpoint(path, content);
}

/// Loads what `save_model` wrote, or, given the name it has there, a model out of a checkpoint.
/// Throws as `load_checkpoint`; other contents of a checkpoint are passed over.
template <class M> void load_model(const std::filesystem::path& path, M& model, const std::string& name = {}) {
  detail::checkpoint_content content;
  content.add(name, model);
  detail::read_checkpoint(safetensors_file(path), content, name.empty() ? "" : name + ".", false);
  detail::name_random_streams(model);
}

}  // namespace multifuse
