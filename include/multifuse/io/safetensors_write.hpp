#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <multifuse/core/error.hpp>
#include <multifuse/core/types.hpp>
#include <multifuse/io/file.hpp>
#include <multifuse/io/storage_type.hpp>

namespace multifuse {
namespace detail {

/// Length of the UTF-8 sequence at the front of the text, 0 when it is not one (RFC 3629, section 4).
inline std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i) { return byte(i) >= 0x80 && byte(i) <= 0xbf; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool overlong = first == 0xe0 && second < 0xa0, surrogate = first == 0xed && second > 0x9f;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool overlong = first == 0xf0 && second < 0x90, too_large = first == 0xf4 && second > 0x8f;
    return follows(1) && follows(2) && follows(3) && !overlong && !too_large ? 4 : 0;
  }
  return 0;
}

/// The text as a JSON string; throws argument_error when it is not UTF-8.
inline std::string json_string(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0)
      throw argument_error("safetensors_writer", "text is not UTF-8 at byte " + std::to_string(i), "", in_quotes(text));
    const auto first = static_cast<unsigned char>(text[i]);
    if (first < 0x20) {
      result.append("\\u00") += {digits[first >> 4], digits[first & 15]};
    } else {
      if (first == '"' || first == '\\') result += '\\';
      result.append(text.substr(i, length));
    }
    i += length;
  }
  return result + "\"";
}

}  // namespace detail

/// Collects tensors and writes them as one safetensors file. The header lists them in the order in which they were
/// added; the data are in the order of falling element size and begin at a multiple of 64 bytes, so that each tensor is
/// aligned for its type. The same calls give the same bytes.
///
///     multifuse::safetensors_writer writer;
///     writer.metadata("step", "1200");
///     writer.add("head.weight", weight, {10, 256});
///     writer.write("checkpoint.safetensors");
class safetensors_writer {
 public:
  /// Adds a free-form text. Throws argument_error when the key is there already or a text is not UTF-8.
  void metadata(std::string_view key, std::string_view value) {
    std::string text = detail::json_string(key) + ":";
    for (const std::string& other : metadata_)
      if (other.starts_with(text))
        throw argument_error("safetensors_writer", "duplicate key", "", detail::in_quotes(key));
    metadata_.push_back(text + detail::json_string(value));
  }

  /// Adds a tensor: `values`, a vector, array or span of numbers or of bool, row by row. They are not copied and must
  /// stay where they are until `write` has returned.
  /// Throws argument_error when the name is taken, reserved or not UTF-8, shape_error when values and shape disagree.
  template <class Values>
    requires std::ranges::contiguous_range<Values> && std::ranges::borrowed_range<Values>
  void add(std::string_view name, Values&& values, std::vector<isize> shape) {
    const std::span view(values);
    add(name, storage_type_of<typename decltype(view)::value_type>(), std::as_bytes(view), std::move(shape));
  }

  /// Adds a tensor that is stored in an element type without a C++ equivalent, such as f16, as its bytes; see above.
  void add(std::string_view name, storage_type type, std::span<const std::byte> bytes, std::vector<isize> shape) {
    std::string key = detail::json_string(name);
    if (name == "__metadata__")
      throw argument_error("safetensors_writer", "reserved name", "a tensor's name", detail::in_quotes(name));
    if (!names_.insert(key).second)
      throw argument_error("safetensors_writer", "duplicate name", "", detail::in_quotes(name));
    const auto expected = detail::byte_count(shape, describe(type).bytes);
    if (expected != bytes.size()) {
      names_.erase(key);
      throw shape_error("safetensors_writer, tensor " + detail::in_quotes(name), "values do not fit the shape",
                        detail::shape_text(shape) + " of " + std::string(describe(type).name),
                        std::to_string(bytes.size()) + " bytes");
    }
    tensors_.push_back({std::move(key), type, std::move(shape), bytes});
  }

  /// Writes the file, all or nothing (see atomic_file). Throws file_error when the system refuses, argument_error when
  /// names and metadata exceed the 100 MB that the format allows for the header.
  void write(const std::filesystem::path& path) const {
    std::vector<std::size_t> order(tensors_.size()), begins(tensors_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return describe(tensors_[a].type).bytes > describe(tensors_[b].type).bytes;
    });
    std::size_t end = 0;
    for (const std::size_t i : order) {
      begins[i] = end;
      end += tensors_[i].bytes.size();
    }
    const std::string header = header_text(begins);
    const std::uint64_t length = header.size();
    if (length > detail::safetensors_header_limit)
      throw argument_error("safetensors_writer", "header too long",
                           std::to_string(detail::safetensors_header_limit) + " bytes", std::to_string(length));
    atomic_file file(path);
    file.write(std::as_bytes(std::span(&length, 1)));
    file.write(header);
    for (const std::size_t i : order) file.write(tensors_[i].bytes);
    file.commit();
  }

 private:
  struct tensor {
    std::string key;  // name as a JSON string
    storage_type type;
    std::vector<isize> shape;
    std::span<const std::byte> bytes;
  };

  std::string header_text(const std::vector<std::size_t>& begins) const {
    std::string text = "{";
    for (const std::string& entry : metadata_) text.append(text.size() == 1 ? "\"__metadata__\":{" : ",").append(entry);
    if (!metadata_.empty()) text += '}';
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const auto& [key, type, shape, bytes] = tensors_[i];
      if (text.size() > 1) text += ',';
      text.append(key).append(":{\"dtype\":\"").append(describe(type).name).append("\",\"shape\":");
      text.append(detail::shape_text(shape)).append(",\"data_offsets\":[").append(std::to_string(begins[i]));
      text.append(",").append(std::to_string(begins[i] + bytes.size())).append("]}");
    }
    text += '}';
    constexpr std::size_t alignment = 64;
    const std::size_t used = sizeof(std::uint64_t) + text.size();
    return text.append((alignment - used % alignment) % alignment, ' ');
  }

  std::vector<std::string> metadata_;  // "key":"value", as JSON
  std::vector<tensor> tensors_;
  std::set<std::string> names_;
};

}  // namespace multifuse
