#pragma once
#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <multifuse/io/name_table.hpp>
#include <multifuse/io/safetensors.hpp>
#include <multifuse/io/safetensors_write.hpp>

namespace multifuse {
namespace detail {

/// The name under which a file holds an official tensor; empty when it does not.
inline std::string name_in_file(const safetensors_file& file, const name_table& table, std::string_view prefix,
                                const std::string& official) {
  for (const std::string& front : {std::string(), table.optional_prefix()})
    if (std::string name = std::string(prefix) + front + official; file.contains(name)) return name;
  return {};
}

/// Sets our part of an official tensor whose elements the file holds.
inline void assign_part(const official_part& part, const official_tensor& whole, const std::vector<double>& elements) {
  std::vector<std::byte> bytes(part.ours.byte_size());
  with_storage_type(part.ours.type, [&]<class S>(S) {
    if constexpr (storage_number<S>) {
      S* const to = reinterpret_cast<S*>(bytes.data());
      part.for_each_place(whole.shape,
                          [&](std::size_t theirs, std::size_t own) { to[own] = static_cast<S>(elements[theirs]); });
    }
  });
  part.ours.assign(bytes.data());
}

/// Refuses numbers that the element type of our part cannot hold: fractions and large numbers for integers.
inline void check_part(const safetensors_file& file, const safetensors_entry& entry, const official_part& part) {
  if (part.ours.type == storage_type::f32 || part.ours.type == storage_type::f64) return;
  with_storage_type(part.ours.type, [&]<class S>(S) {
    if constexpr (std::integral<S>)
      for (const double number : file.read<double>(entry.name))
        if (number != std::floor(number) || std::abs(number) > 0x1p53 ||
            !std::in_range<S>(static_cast<std::int64_t>(number)))
          throw file_error(file.path().string() + ", tensor " + in_quotes(entry.name), "not a whole number in range",
                           std::string(describe(part.ours.type).name), std::to_string(number));
  });
}

}  // namespace detail

/// Loads a model from a file with official names, converted to the model's scalar. Of the file only the names that
/// begin with `prefix` count, without it. Before anything is changed all names and shapes are checked: throws
/// file_error for missing and for unknown tensors and for wrong shapes, argument_error when the table does not fit the
/// model.
template <class M>
void load_official(const safetensors_file& file, M& model, const name_table& table, std::string_view prefix = {}) {
  const auto wanted = detail::resolve(model, table);
  std::vector<std::string> names, missing, unknown, wrong;
  std::set<std::string> used;
  for (const auto& whole : wanted) {
    names.push_back(detail::name_in_file(file, table, prefix, whole.name));
    if (names.back().empty()) {
      missing.push_back(whole.name);
      continue;
    }
    used.insert(names.back());
    const auto& found = file.at(names.back());
    if (found.shape != whole.shape)
      wrong.push_back(whole.name + " " + detail::shape_text(found.shape) + " for " + detail::shape_text(whole.shape));
    for (const auto& part : whole.parts) detail::check_part(file, found, part);
  }
  for (const auto& name : file.names())
    if (name.starts_with(prefix) && !used.contains(name) &&
        !table.is_unused(std::string_view(name).substr(prefix.size())))
      unknown.push_back(name);
  const std::string where = file.path().string();
  if (!missing.empty())
    throw file_error(where, "tensors are missing", detail::names_text(missing),
                     unknown.empty() ? "" : "unknown ones: " + detail::names_text(unknown));
  if (!unknown.empty())
    throw file_error(where, "tensors that the model does not have", "", detail::names_text(unknown));
  if (!wrong.empty()) throw file_error(where, "wrong shapes", "", detail::names_text(wrong));
  for (const auto& whole : wanted)
    for (const auto& part : whole.parts) part.ours.reserve();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto elements = file.read<double>(names[i]);
    for (const auto& part : wanted[i].parts) detail::assign_part(part, wanted[i], elements);
  }
  detail::name_random_streams(model);
}

/// Writes a model under official names in the official layout, packed tensors put together; all or nothing. With
/// `original`, a file that the model could be loaded from, its unused tensors are copied. Throws argument_error when
/// the table does not fit the model or a tensor has no values, file_error when the system refuses.
template <class M>
void save_official(const std::filesystem::path& path, const M& model, const name_table& table,
                   const safetensors_file* original = nullptr) {
  const auto tensors = detail::resolve(model, table);
  safetensors_writer writer;
  std::vector<std::vector<std::byte>> kept;
  for (const auto& whole : tensors) {
    const storage_type type = whole.parts[0].ours.type;
    detail::with_storage_type(type, [&]<class S>(S) {
      if constexpr (storage_number<S>) {
        const auto elements = detail::assembled<S>(whole, false);
        const auto bytes = std::as_bytes(std::span(elements));
        kept.emplace_back(bytes.begin(), bytes.end());
      }
    });
    writer.add(whole.name, type, kept.back(), whole.shape);
  }
  if (original != nullptr) {
    const auto mapped = [&](std::string_view name) {
      return std::any_of(tensors.begin(), tensors.end(), [&](const auto& whole) { return whole.name == name; });
    };
    for (const auto& name : original->names()) {
      std::string_view plain = name;
      if (!table.optional_prefix().empty() && plain.starts_with(table.optional_prefix()))
        plain.remove_prefix(table.optional_prefix().size());
      const auto& entry = original->at(name);
      if (!mapped(plain) && table.is_unused(plain)) writer.add(plain, entry.dtype, entry.bytes, entry.shape);
    }
  }
  writer.write(path);
}

}  // namespace multifuse
